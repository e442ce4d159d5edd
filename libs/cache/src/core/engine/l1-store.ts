import type { L1Entry, TagHandle } from './l1-entry.js';
import { SieveQueue } from './l1-eviction.js';
import { L1TagIndex } from './l1-tag-index.js';
import type { ResolvedMemoryOptions } from './l1.options.js';
import { MatchCursor } from './match-cursor.js';

/** Why an entry left L1. */
export type RemovalCause = 'evicted' | 'expired' | 'invalidated' | 'replaced' | 'cleared';

export interface SweepResult {
  readonly removed: number;
  /** False: more is left to look at, call again. */
  readonly done: boolean;
}

/** An entry may take this part of `maxBytes` at most: storing one huge value must not empty the cache of all others. */
const LARGEST_SHARE = 1 / 4;
/** A tag of up to this many entries is removed at once; a larger one is only marked, and reclaimed in small portions. */
const REMOVED_AT_ONCE = 32;
/** How many dead entries each `set` reclaims, so that memory comes back even if nobody sweeps. */
const RECLAIMED_PER_SET = 2;

/**
 * The entries of this process's memory, bounded by number and by accounted bytes; both bounds hold after every call.
 *
 * Expiry is not judged here: a hit compares `freshUntil` itself, `sweep` gives the memory back. Invalidating a tag costs
 * the same for ten entries and for ten thousand: it marks the tag's handle dead, and every hit asks `isStale`, which is
 * one compare as long as no tag was invalidated since that entry was last checked. What is dead by then still counts in
 * `size` and `bytes`, because it still takes memory, until an access, an eviction, a `set` or a `sweep` reclaims it.
 */
export class L1Store {
  private entries = new Map<string, L1Entry>();
  private readonly queue = new SieveQueue();
  private readonly tags = new L1TagIndex();
  private readonly deadHandles: TagHandle[] = [];
  /** Entries that `clear` has detached and whose aliases are still to be forgotten, linked by `newer`. */
  private cleared: L1Entry | null = null;
  private holding = { current: true };
  private invalidations = 0;
  private heldBytes = 0;

  /** Entries removed so far, by cause. */
  readonly removed: Record<RemovalCause, number> = { evicted: 0, expired: 0, invalidated: 0, replaced: 0, cleared: 0 };

  constructor(private readonly bounds: ResolvedMemoryOptions) {}

  /** Entries held. */
  get size(): number {
    return this.entries.size;
  }

  /** Accounted bytes of the entries held. */
  get bytes(): number {
    return this.heldBytes;
  }

  /** Tags that some entry carries. */
  get tagCount(): number {
    return this.tags.size;
  }

  /** The entry of the key, whatever its age. The caller checks `freshUntil` and `isStale`, and sets `visited` on a hit. */
  get(key: string): L1Entry | undefined {
    return this.entries.get(key);
  }

  /** True when the entry was invalidated by a tag or is no longer held. One compare on the hit path. */
  isStale(entry: L1Entry): boolean {
    return entry.checkedAt !== this.invalidations && this.recheck(entry);
  }

  /** Stores the entry in place of what the key had. `false`: it is too large, and nothing is stored under the key now. */
  set(entry: L1Entry): boolean {
    this.reclaim(RECLAIMED_PER_SET);
    this.delete(entry.key, 'replaced');
    if (entry.bytes > this.bounds.maxBytes * LARGEST_SHARE) return false;
    // Room is made before the entry enters: the hand must not find the newcomer itself.
    while (this.entries.size >= this.bounds.maxEntries || this.heldBytes + entry.bytes > this.bounds.maxBytes) {
      if (this.reclaim(1) === 0) this.deleteEntry(this.queue.victim(), 'evicted');
    }
    entry.holding = this.holding;
    entry.checkedAt = this.invalidations;
    this.entries.set(entry.key, entry);
    this.queue.push(entry);
    this.tags.add(entry);
    this.heldBytes += entry.bytes;
    return true;
  }

  delete(key: string, cause: RemovalCause): boolean {
    const entry = this.entries.get(key);
    return entry !== undefined && this.deleteEntry(entry, cause);
  }

  /** `false`: the entry is not held, perhaps because another has taken its key. */
  deleteEntry(entry: L1Entry, cause: RemovalCause): boolean {
    if (!entry.live) return false;
    this.removed[isDoomed(entry) ? 'invalidated' : cause] += 1;
    this.entries.delete(entry.key);
    this.queue.unlink(entry);
    this.tags.remove(entry);
    this.heldBytes -= entry.bytes;
    entry.release();
    return true;
  }

  /** Drops everything in O(1) and returns how many entries that were. Sweeps forget their aliases later; none is served. */
  clear(cause: RemovalCause): number {
    const count = this.entries.size;
    this.removed[cause] += count;
    this.cleared = this.queue.detach(this.cleared);
    this.holding.current = false;
    this.holding = { current: true };
    this.invalidations += 1;
    this.entries = new Map();
    this.tags.clear();
    this.deadHandles.length = 0;
    this.heldBytes = 0;
    return count;
  }

  /** The valid entries of a tag, for reports: O(entries of the tag). */
  entriesOfTag(tag: string): L1Entry[] {
    return this.tags.get(tag)?.entries.filter((entry) => !this.isStale(entry)) ?? [];
  }

  countOfTag(tag: string): number {
    return this.entriesOfTag(tag).length;
  }

  /**
   * Kills every entry of the tag, in constant time. Returns how many that were; among more than 32, entries that another
   * large tag killed before and nobody reclaimed yet are counted again.
   */
  deleteTag(tag: string, cause: RemovalCause): number {
    const handle = this.tags.get(tag);
    if (handle === undefined) return 0;
    const count = handle.entries.length;
    if (count <= REMOVED_AT_ONCE) {
      const valid = this.entriesOfTag(tag);
      for (const entry of handle.entries.slice()) this.deleteEntry(entry, cause);
      return valid.length;
    }
    this.tags.kill(handle);
    this.deadHandles.push(handle);
    this.invalidations += 1;
    return count;
  }

  /**
   * Gives memory back: entries of invalidated tags, entries past `keepUntil` at monotonic instant `now`, aliases of
   * cleared entries. Looks at no more than `budget` entries and goes on there next time.
   */
  sweep(budget: number, now: number): SweepResult {
    let removed = this.reclaim(budget);
    let left = budget - removed;
    if (!this.queue.passing) this.queue.startPass();
    while (left > 0) {
      const entry = this.queue.step();
      if (entry === null) break;
      left -= 1;
      if (entry.keepUntil <= now && this.deleteEntry(entry, 'expired')) removed += 1;
    }
    return { removed, done: !this.queue.passing && this.deadHandles.length === 0 && this.cleared === null };
  }

  /** A cursor over the entries whose key passes `test`, to be advanced in slices. */
  matching(test: (key: string) => boolean): MatchCursor {
    return new MatchCursor(this.entries.values(), this.entries.size, test);
  }

  /** Removes up to `budget` entries that are dead already; returns how many. */
  private reclaim(budget: number): number {
    let count = 0;
    while (count < budget && this.cleared !== null) {
      const entry = this.cleared;
      this.cleared = entry.newer;
      entry.release();
      count += 1;
    }
    while (count < budget && this.deadHandles.length > 0) {
      const entry = this.deadHandles.at(-1)!.entries.at(-1);
      if (entry === undefined) this.deadHandles.pop();
      else if (this.deleteEntry(entry, 'invalidated')) count += 1;
    }
    return count;
  }

  private recheck(entry: L1Entry): boolean {
    if (!entry.live || isDoomed(entry)) return true;
    entry.checkedAt = this.invalidations;
    return false;
  }
}

function isDoomed({ handles }: L1Entry): boolean {
  for (const handle of handles) if (handle.dead) return true;
  return false;
}
