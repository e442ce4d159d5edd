import type { Invalidation, PatternTarget } from '../../core/coherence/invalidation.js';
import { ordOfPosition, type Ord, type Position } from '../../core/coherence/position.js';
import { stampOf } from './redis-entry.js';

/** A pattern invalidation that still matters: entries stamped before `ord` whose key matches are invalid. */
export interface Predicate {
  readonly ord: Ord;
  readonly matches: (key: string) => boolean;
  /** The member of the server's list, by which it is dropped there. */
  readonly member: string;
}

const ORD_LENGTH = 28;

/**
 * The pattern invalidations of a namespace, resident in each instance (coherence page, 2.13), so that a revoke is O(1)
 * whatever it covers. The list follows the log; an answer of the server says how far it must have come, and a list that
 * has not is fetched before the answer is used. So an entry that a revoke covers is never served, however young the revoke.
 */
export class PatternPredicates {
  private list: Predicate[] = [];
  private upTo: Ord = '';
  private refreshing: Promise<void> | null = null;
  /** What the log delivered while a first list was being fetched, which may have been read before it. */
  private meanwhile: Predicate[] = [];
  /** Counts losses of continuity: a list fetched across one says nothing. */
  private losses = 0;
  private droppings = 0;

  /**
   * @param fetch reads the server's list: the ord up to which it is complete, and its members
   * @param compile the matcher of the cache
   * @param limit a longer list is fetched again, because the server's own is bounded
   */
  constructor(
    private readonly fetch: () => Promise<{ readonly upTo: Ord; readonly members: readonly string[] }>,
    private readonly compile: (target: PatternTarget) => (key: string) => boolean,
    private readonly limit: number,
  ) {}

  get size(): number {
    return this.list.length;
  }

  get all(): readonly Predicate[] {
    return this.list;
  }

  /**
   * How often patterns have left the list. The server judges by itself what they hit, but only from then on: an answer that
   * was asked for before cannot be judged by the list there is now.
   */
  get drops(): number {
    return this.droppings;
  }

  /** True when the list reflects every pattern invalidation up to `ord`. */
  current(ord: Ord): boolean {
    return ord <= this.upTo;
  }

  /**
   * Brings the list up to `ord`. A fetch that is under way may have been answered before that pattern was executed; the
   * next cannot. Whether it succeeded `current` tells: continuity may be lost meanwhile.
   */
  async reach(ord: Ord): Promise<void> {
    if (!this.current(ord)) await this.refresh();
    if (!this.current(ord)) await this.refresh();
  }

  /** Fetches the list; callers at the same time share one fetch. */
  refresh(): Promise<void> {
    this.refreshing ??= this.load().finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  /** The log delivered this message, next in line. */
  follow(invalidations: readonly Invalidation[], position: Position): void {
    const patterns = invalidations.flatMap((invalidation) => invalidation.patterns);
    if (patterns.length === 0) return;
    const ord = ordOfPosition(position);
    const news = patterns.map((pattern) => this.predicate(ord, JSON.stringify(pattern)));
    if (this.upTo === '') {
      if (this.refreshing !== null) this.meanwhile.push(...news);
    } else if (ord > this.upTo) {
      this.list.push(...news);
      this.upTo = ord;
    }
    if (this.list.length + this.meanwhile.length > 2 * this.limit) this.forget();
  }

  /** Continuity was lost: what the list reflects is unknown, so it is fetched before it is used again. */
  forget(): void {
    this.list = [];
    this.meanwhile = [];
    this.upTo = '';
    this.losses += 1;
    this.droppings += 1;
  }

  /** The latest ord by which an entry as it is stored is invalid; `null`: none of the patterns hits it. */
  doom(key: string, raw: Buffer): Ord | null {
    return this.list.length === 0 ? null : this.latest(key, stampOf(raw));
  }

  /** The ord of the latest pattern that hits a key after `since`. */
  latest(key: string, since: Ord): Ord | null {
    return latestHit(this.list, key, since);
  }

  private async load(): Promise<void> {
    const { losses } = this;
    this.meanwhile = [];
    const { upTo, members } = await this.fetch();
    if (losses !== this.losses || upTo < this.upTo) return; // void, or the log was faster
    const fetched = members.map((member) => this.predicate(member.slice(0, ORD_LENGTH), member.slice(ORD_LENGTH)));
    const kept = new Set(members);
    if (this.list.some(({ member }) => !kept.has(member))) this.droppings += 1;
    const later = this.meanwhile.filter(({ ord }) => ord > upTo);
    this.list = [...fetched, ...later];
    this.upTo = later.at(-1)?.ord ?? upTo;
    this.meanwhile = [];
  }

  private predicate(ord: Ord, json: string): Predicate {
    return { ord, member: ord + json, matches: this.matcher(json) };
  }

  /** What cannot be read is taken to match everything: entries older than it become misses, which is safe. */
  private matcher(json: string): (key: string) => boolean {
    try {
      const { pattern, scope } = JSON.parse(json) as PatternTarget;
      return this.compile({ pattern, scope });
    } catch {
      return () => true;
    }
  }
}

/** The ord of the latest of these predicates, given in log order, that hits a key after `since`. */
export function latestHit(predicates: readonly Predicate[], key: string, since: Ord): Ord | null {
  for (let index = predicates.length - 1; index >= 0; index -= 1) {
    const predicate = predicates[index]!;
    if (predicate.ord <= since) return null; // the rest is older still
    if (predicate.matches(key)) return predicate.ord;
  }
  return null;
}
