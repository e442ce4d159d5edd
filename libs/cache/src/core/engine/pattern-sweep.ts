import type { Clock, Timer } from '../clock/clock.port.js';
import type { L1Entry } from './l1-entry.js';
import type { L1Store } from './l1-store.js';
import type { MatchCursor } from './match-cursor.js';

/** No turn of the event loop is held longer than this by a sweep, ms. */
const TURN_BUDGET_MS = 4;
const STEP_ENTRIES = 256;

interface RunningSweep {
  readonly matches: (key: string) => boolean;
  /** Entries installed after this sequence number came later than the invalidation and are not its prey. */
  readonly upTo: number;
  readonly cursor: MatchCursor;
  removed: number;
  readonly finished: (removed: number) => void;
}

/**
 * Invalidation of memory entries by predicate. The effect is immediate, the work is spread: from the first instant
 * `dooms` tells every matching entry invalid, while the entries are examined in slices that never hold a turn longer
 * than a few milliseconds.
 */
export class PatternSweep {
  private readonly running: RunningSweep[] = [];
  private next: Timer | null = null;

  constructor(
    private readonly store: L1Store,
    private readonly clock: Clock,
  ) {}

  /** True while a sweep is under way; the hit path asks `dooms` only then. */
  get active(): boolean {
    return this.running.length !== 0;
  }

  /** True when a sweep under way is going to remove the entry. */
  dooms(entry: L1Entry): boolean {
    return this.running.some((sweep) => entry.installedAt < sweep.upTo && sweep.matches(entry.key));
  }

  /** Starts removing; resolves with the number of live entries removed. A small store is done before this returns. */
  start(matches: (key: string) => boolean, upTo: number): Promise<number> {
    return new Promise((finished) => {
      const cursor = this.store.matching(matches);
      this.running.push({ matches, upTo, cursor, removed: 0, finished });
      if (this.next === null) this.work();
    });
  }

  /** Everything is gone anyway. */
  abandon(): void {
    this.next?.cancel();
    this.next = null;
    for (const sweep of this.running.splice(0)) sweep.finished(sweep.removed);
  }

  private work(): void {
    this.next = null;
    const endOfTurn = this.clock.monotonic() + TURN_BUDGET_MS;
    for (let sweep = this.running[0]; sweep !== undefined; sweep = this.running[0]) {
      this.step(sweep);
      if (sweep.cursor.done) {
        this.running.shift();
        sweep.finished(sweep.removed);
      } else if (this.clock.monotonic() >= endOfTurn) {
        this.next = this.clock.schedule(0, () => this.work());
        return;
      }
    }
  }

  private step(sweep: RunningSweep): void {
    for (const entry of sweep.cursor.next(STEP_ENTRIES)) {
      if (entry.installedAt >= sweep.upTo || !this.store.deleteEntry(entry, 'invalidated')) continue;
      sweep.removed += 1;
    }
  }
}
