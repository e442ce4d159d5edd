import type { L1Entry } from './l1-entry.js';

/**
 * The order in which entries leave a full L1: SIEVE (Zhang et al., NSDI 2024). Entries stand in insertion order and
 * never move. A hand walks from the oldest to the newest; an entry that was hit since the hand last passed is spared
 * once, the first other one leaves. A hit therefore costs one flag, and a scan of keys that nobody asks for again passes
 * through without pushing out what is in use. `bench/scenarios/hit-ratio.mjs` compares it with LRU and S3-FIFO.
 */
export class SieveQueue {
  private newest: L1Entry | null = null;
  private oldest: L1Entry | null = null;
  /** Where the search for the next victim goes on; `null`: at the oldest. */
  private hand: L1Entry | null = null;
  /** Where the running pass goes on; `null`: no pass is running. */
  private cursor: L1Entry | null = null;

  push(entry: L1Entry): void {
    entry.older = this.newest;
    if (this.newest === null) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
  }

  unlink(entry: L1Entry): void {
    const { newer, older } = entry;
    if (this.hand === entry) this.hand = newer;
    if (this.cursor === entry) this.cursor = newer;
    if (older === null) this.oldest = newer;
    else older.newer = newer;
    if (newer === null) this.newest = older;
    else newer.older = older;
    entry.newer = null;
    entry.older = null;
  }

  /** Who leaves next. The queue must not be empty. */
  victim(): L1Entry {
    let entry = this.hand ?? this.oldest!;
    while (entry.visited) {
      entry.visited = false;
      entry = entry.newer ?? this.oldest!;
    }
    this.hand = entry;
    return entry;
  }

  /** A pass from the oldest entry to the newest that survives any change between two steps. */
  startPass(): void {
    this.cursor = this.oldest;
  }

  get passing(): boolean {
    return this.cursor !== null;
  }

  /** The next entry of the pass. */
  step(): L1Entry | null {
    const entry = this.cursor;
    if (entry !== null) this.cursor = entry.newer;
    return entry;
  }

  /** Empties the queue at once; the former entries remain linked from the oldest on, before those of `tail`. */
  detach(tail: L1Entry | null): L1Entry | null {
    const { newest, oldest } = this;
    if (newest === null) return tail;
    newest.newer = tail;
    this.newest = null;
    this.oldest = null;
    this.hand = null;
    this.cursor = null;
    return oldest;
  }
}
