import type { Clock } from './clock.port.js';

/** No turn of the event loop is held longer than this, ms. */
const TURN_BUDGET_MS = 4;

/** Cuts long work into slices that let others in between: `if (slices.spent) await slices.next()` after each step. */
export class TurnSlices {
  private startedAt: number;

  constructor(private readonly clock: Clock) {
    this.startedAt = clock.monotonic();
  }

  /** Whether this turn has had its share. */
  get spent(): boolean {
    return this.clock.monotonic() - this.startedAt >= TURN_BUDGET_MS;
  }

  /** Resolves in another turn. */
  async next(): Promise<void> {
    await this.clock.sleep(0);
    this.startedAt = this.clock.monotonic();
  }
}
