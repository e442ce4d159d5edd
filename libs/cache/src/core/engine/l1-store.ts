import type { L1Entry } from './l1-entry.js';
import { L1TagIndex, type TagHandle } from './l1-tag-index.js';
import type { ResolvedMemoryOptions } from './l1.options.js';

/** Why an entry left L1. */
export type RemovalCause = 'evicted' | 'expired' | 'invalidated' | 'replaced' | 'cleared';

/** L1: skeleton. */
export class L1Store {
  private map = new Map<string, L1Entry>();
  private readonly tagIndex = new L1TagIndex();
  private dead: TagHandle[] = [];
  /** How many tag invalidations there were; an entry checked at this count is known to be valid. */
  tagInvalidations = 0;
  bytes = 0;
  readonly removed: Record<RemovalCause, number> = { evicted: 0, expired: 0, invalidated: 0, replaced: 0, cleared: 0 };

  constructor(private readonly options: ResolvedMemoryOptions) {}

  get size(): number {
    return this.map.size;
  }

  get(key: string): L1Entry | undefined {
    return this.map.get(key);
  }

  /** True when a tag of the entry was invalidated after it was stored. One compare unless a tag was invalidated since the last check. */
  isStale(entry: L1Entry): boolean {
    return entry.checkedAt !== this.tagInvalidations && this.checkTags(entry);
  }

  set(entry: L1Entry): boolean {
    this.delete(entry.key, 'replaced');
    if (entry.bytes > this.options.maxBytes) return false;
    entry.live = true;
    entry.checkedAt = this.tagInvalidations;
    this.map.set(entry.key, entry);
    this.tagIndex.add(entry);
    this.bytes += entry.bytes;
    for (const victim of this.map.values()) {
      if (this.map.size <= this.options.maxEntries && this.bytes <= this.options.maxBytes) break;
      this.deleteEntry(victim, 'evicted');
    }
    return true;
  }

  delete(key: string, cause: RemovalCause): boolean {
    const entry = this.map.get(key);
    return entry !== undefined && this.deleteEntry(entry, cause);
  }

  deleteEntry(entry: L1Entry, cause: RemovalCause): boolean {
    if (!entry.live) return false;
    entry.live = false;
    this.map.delete(entry.key);
    this.tagIndex.remove(entry);
    this.bytes -= entry.bytes;
    this.removed[cause]++;
    if (entry.alias !== null && entry.alias.get(entry.aliasKey) === entry) entry.alias.delete(entry.aliasKey);
    return true;
  }

  clear(cause: RemovalCause = 'cleared'): number {
    const count = this.map.size;
    for (const entry of this.map.values()) this.deleteEntry(entry, cause);
    return count;
  }

  /** Live entries that carry the tag, for reports. */
  entriesOfTag(tag: string): L1Entry[] {
    return (this.tagIndex.get(tag)?.entries ?? []).filter((entry) => !this.isStale(entry));
  }

  countOfTag(tag: string): number {
    return this.entriesOfTag(tag).length;
  }

  /** Kills every entry of the tag in one step; returns how many it had. */
  deleteTag(tag: string, _cause: RemovalCause = 'invalidated'): number {
    const handle = this.tagIndex.get(tag);
    if (handle === undefined) return 0;
    this.tagIndex.kill(handle);
    this.tagInvalidations++;
    this.dead.push(handle);
    return handle.entries.length;
  }

  /** Gives back what is dead: entries of invalidated tags and entries past `keepUntil`. At most `budget` entries are looked at. */
  sweep(budget: number, now: number): { removed: number; done: boolean } {
    let removed = 0;
    for (const entry of this.map.values()) {
      if (budget-- <= 0) return { removed, done: false };
      if (this.isStale(entry)) removed += Number(this.deleteEntry(entry, 'invalidated'));
      else if (entry.keepUntil <= now) removed += Number(this.deleteEntry(entry, 'expired'));
    }
    return { removed, done: true };
  }

  /** A cursor over the entries whose key passes `test`, to be advanced in slices. */
  matching(test: (key: string) => boolean): MatchCursor {
    return new MatchCursor(this.map.values(), this.map.size, test);
  }

  private checkTags(entry: L1Entry): boolean {
    for (const handle of entry.handles) if (handle.dead) return true;
    entry.checkedAt = this.tagInvalidations;
    return false;
  }
}

export class MatchCursor {
  done = false;

  constructor(
    private readonly entries: IterableIterator<L1Entry>,
    private left: number,
    private readonly test: (key: string) => boolean,
  ) {}

  /** Looks at up to `budget` further entries and returns those that match. */
  next(budget: number): L1Entry[] {
    const found: L1Entry[] = [];
    while (budget-- > 0 && !this.done) {
      const step = this.entries.next();
      if (step.done === true || this.left-- <= 0) this.done = true;
      else if (this.test(step.value.key)) found.push(step.value);
    }
    return found;
  }
}
