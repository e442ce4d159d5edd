import type { Clock } from '../clock/clock.port.js';
import { CircuitBreaker } from '../coherence/circuit-breaker.js';

const FAILURES = 3;
const WITHIN_MS = 10_000;
/** While the store is taken to be away, one question in so long finds out whether it still is, ms. */
const TRY_EVERY_MS = 1_000;

/**
 * Bounds what a durable store may cost: each answer in time, and while it is away no waiting at all but for one question a
 * second.
 */
export class StoreGuard {
  private readonly breaker: CircuitBreaker;
  private nextTryAt = 0;

  constructor(
    private readonly clock: Clock,
    private readonly timeoutMs: number,
    /** Told when the store is taken to be away, with the error that said so, and when it is back, with `null`. */
    private readonly tell: (error: unknown) => void,
  ) {
    this.breaker = new CircuitBreaker(clock, FAILURES, WITHIN_MS);
  }

  /** @throws what the store throws, or that it was not asked, or did not answer in time */
  async ask<Result>(work: () => Promise<Result>, timeoutMs = this.timeoutMs): Promise<Result> {
    const now = this.clock.monotonic();
    if (this.breaker.open && now < this.nextTryAt) throw new Error('the store is away');
    this.nextTryAt = now + TRY_EVERY_MS;
    try {
      const answer = await this.inTime(work(), timeoutMs);
      if (this.breaker.open) this.tell(null);
      this.breaker.proved();
      return answer;
    } catch (error) {
      const knownAway = this.breaker.open;
      this.breaker.failed();
      if (!knownAway && this.breaker.open) this.tell(error);
      throw error;
    }
  }

  private inTime<Result>(answer: Promise<Result>, limitMs: number): Promise<Result> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error(`the store did not answer within ${limitMs} ms`));
      const timer = this.clock.schedule(limitMs, late);
      answer.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
