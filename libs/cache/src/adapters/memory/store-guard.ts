import type { Clock } from '../../core/clock/clock.port.js';
import { NO_FIGURES, type BackendFigures } from '../../core/coherence/backend-figures.js';
import { CircuitBreaker } from '../../core/coherence/circuit-breaker.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { replaceOldest } from '../../core/bounds/replace-oldest.js';
import type { CustomStore } from './custom.options.js';

/** So many failures within so long, and the store is asked only now and then. */
const FAILURES = 5;
const WINDOW_MS = 10_000;
const PROBE_EVERY_MS = 1000;
/** Bound (I19) of what waits for the store. Beyond it removals are left to expiry: what was invalidated is not served anyway. */
const MAX_WAITING = 1000;

/**
 * Calls a store that may throw, hang, or answer late: every call settles in bounded time, changes of one key are made one
 * after the other, and a store that keeps failing is left alone but for probes.
 */
export class StoreGuard {
  private readonly breaker: CircuitBreaker;
  private probeAt = 0;
  private readonly changes = new Map<string, Promise<unknown>>();
  /** A `clear` that later changes wait for. */
  private clearing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: CustomStore,
    private readonly name: string,
    private readonly clock: Clock,
    private readonly timeoutMs: number,
  ) {
    this.breaker = new CircuitBreaker(clock, FAILURES, WINDOW_MS);
  }

  /** False while the store is left alone. */
  available(): boolean {
    return !this.breaker.open || this.clock.monotonic() >= this.probeAt;
  }

  /** What the store tells of itself; also while it is left alone, for it asks nobody. */
  figures(): BackendFigures {
    return this.store.figures === undefined ? NO_FIGURES : this.store.figures();
  }

  /** @throws CacheError `LARDER_TIER_UNAVAILABLE` */
  get(key: string): Promise<Uint8Array | null | undefined> {
    return this.call('get', () => this.store.get(key));
  }

  /** @throws CacheError `LARDER_TIER_UNAVAILABLE` */
  async set(key: string, value: Uint8Array, ttlSeconds: number): Promise<void> {
    await this.call('set', () => this.store.set(key, value, ttlSeconds));
  }

  /**
   * Runs a change of a key after those under way.
   * @throws CacheError `LARDER_TIER_UNAVAILABLE` where too many wait already, and what `change` throws
   */
  async change<T>(key: string, change: () => Promise<T>): Promise<T> {
    if (this.changes.size >= MAX_WAITING) throw this.unavailable('take one more change', 'too many are waiting for it');
    const before = Promise.all([this.changes.get(key), this.clearing]);
    const done = before.then(change); // neither of them rejects
    this.follow(key, done);
    return done;
  }

  /** Removes in the background what is not valid any more; that it fails costs space, and nothing else. */
  remove(keys: readonly string[]): void {
    for (const key of keys)
      void this.change(key, () => this.call('delete', () => this.store.delete(key))).catch(() => undefined);
  }

  /** As `remove`, for everything. */
  removeAll(): void {
    const before = Promise.allSettled([...this.changes.values(), this.clearing]);
    this.clearing = before.then(() => this.call('clear', () => this.store.clear())).catch(() => undefined);
  }

  /** Resolves when nothing is under way any more. */
  async rest(): Promise<void> {
    await Promise.allSettled([...this.changes.values(), this.clearing]);
  }

  private follow(key: string, done: Promise<unknown>): void {
    const settled: Promise<unknown> = done.then(
      () => undefined,
      () => undefined,
    );
    replaceOldest(this.changes, key, settled, MAX_WAITING * 2);
    void settled.then(() => {
      if (this.changes.get(key) === settled) this.changes.delete(key);
    });
  }

  private call<T>(what: string, call: () => Promise<T>): Promise<T> {
    if (!this.available()) return Promise.reject(this.unavailable(`answer ${what}`, 'it has failed too often'));
    if (this.breaker.open) this.probeAt = this.clock.monotonic() + PROBE_EVERY_MS;
    return new Promise<T>((resolve, reject) => {
      const fail = (problem: string, cause?: unknown) => {
        timer.cancel();
        this.breaker.failed();
        if (this.breaker.open) this.probeAt = this.clock.monotonic() + PROBE_EVERY_MS;
        reject(this.unavailable(`answer ${what}`, problem, cause));
      };
      const timer = this.clock.schedule(this.timeoutMs, () => fail(`nothing for ${this.timeoutMs} ms`));
      attempt(call).then(
        (answer) => {
          timer.cancel();
          this.breaker.proved();
          resolve(answer);
        },
        (error: unknown) => fail('an error', error),
      );
    });
  }

  private unavailable(expected: string, got: string, cause?: unknown): CacheError {
    return new CacheError(
      'LARDER_TIER_UNAVAILABLE',
      `Expected the store of '${this.name}' to ${expected}, got ${got}. Methods run uncached meanwhile; look at the store.`,
      { cause },
    );
  }
}

/** A store that throws instead of rejecting has failed all the same. */
async function attempt<T>(call: () => Promise<T>): Promise<T> {
  return call();
}
