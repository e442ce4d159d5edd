import { Clock, type Timer } from '../core/clock/clock.port.js';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

/**
 * A clock that stands until it is told to move: `advance(ms)` runs every timer that falls due, in order, and `coarse()`
 * is exact. For tests of code that takes a `Clock`.
 */
export class ManualClock extends Clock {
  private now = 0;
  private order = 0;
  private readonly pending = new Set<Pending>();

  /** @param startWall the wall clock at instant 0, Unix ms; the default is 2026-01-01T00:00:00Z */
  constructor(private readonly startWall = Date.UTC(2026, 0, 1)) {
    super();
  }

  override wall(): number {
    return this.startWall + this.now;
  }

  override monotonic(): number {
    return this.now;
  }

  override coarse(): number {
    return this.now;
  }

  override schedule(delayMs: number, action: () => void): Timer {
    const entry: Pending = { at: this.now + Math.max(0, delayMs), order: this.order++, action };
    this.pending.add(entry);
    return { cancel: () => this.pending.delete(entry) };
  }

  /** Moves time forward and runs what falls due. Promise callbacks run only when the caller awaits: see `advanceAsync`. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let next = this.nextDue(end); next !== undefined; next = this.nextDue(end)) {
      this.pending.delete(next);
      this.now = Math.max(this.now, next.at);
      next.action();
    }
    this.now = end;
  }

  /** As `advance`, letting promise callbacks run after every timer. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.now + ms;
    for (let next = this.nextDue(end); next !== undefined; next = this.nextDue(end)) {
      this.pending.delete(next);
      this.now = Math.max(this.now, next.at);
      next.action();
      await settle();
    }
    this.now = end;
    await settle();
  }

  /** Timers not yet due: 0 after a clean shutdown. */
  get pendingTimers(): number {
    return this.pending.size;
  }

  private nextDue(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const entry of this.pending) {
      if (entry.at > end) continue;
      if (first === undefined || entry.at < first.at || (entry.at === first.at && entry.order < first.order))
        first = entry;
    }
    return first;
  }
}

/** Lets everything that is ready run: a macrotask turn, twice, so that chained promises settle too. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
