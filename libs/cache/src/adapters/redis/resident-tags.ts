import type { Invalidation } from '../../core/coherence/invalidation.js';
import { ordOfPosition, type Ord, type Position } from '../../core/coherence/position.js';

const REMEMBERED = 2_000;

/**
 * Where the tags that were invalidated lately stand, resident in each instance, so that an entry can be judged without
 * asking the server about its tags. It follows the log, and says of itself how far back it is complete: every tag
 * invalidated after `since` is in it, up to what the log has delivered. An entry stamped before that it does not judge.
 */
export class ResidentTags {
  private since: Ord = '';
  private recent = new Map<string, Ord>();
  /** The generation before; it goes as a whole when the recent one is full (I19). */
  private former = new Map<string, Ord>();
  private formerUpTo: Ord = '';

  constructor(private readonly limit: number = REMEMBERED) {}

  /** Tags remembered, for the bound's test. */
  get size(): number {
    return this.recent.size + this.former.size;
  }

  /** The log delivered this message, next in line. */
  follow(invalidations: readonly Invalidation[], position: Position): void {
    const ord = ordOfPosition(position);
    for (const { tags } of invalidations) for (const tag of tags) this.recent.set(tag, ord);
    if (this.recent.size < this.limit) return;
    if (this.formerUpTo > this.since) this.since = this.formerUpTo;
    this.formerUpTo = ord;
    this.former = this.recent;
    this.recent = new Map();
  }

  /** The log is followed from here on: what came before is not known. */
  forget(position: Position): void {
    this.since = ordOfPosition(position);
    this.recent.clear();
    this.former.clear();
    this.formerUpTo = '';
  }

  /** The server says that up to `upTo` no tag was invalidated after `last`: where nothing happened nothing need be known. */
  quiet(upTo: Ord, last: Ord): void {
    if (last < this.since && this.since <= upTo) this.since = last;
  }

  /** True when none of the tags was invalidated after `stamp`; `false` also where that is not known. */
  untouched(stamp: Ord, tags: readonly string[]): boolean {
    if (stamp < this.since) return false;
    for (const tag of tags) if ((this.recent.get(tag) ?? this.former.get(tag) ?? '') > stamp) return false;
    return true;
  }
}
