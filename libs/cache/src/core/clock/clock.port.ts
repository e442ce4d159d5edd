/** A scheduled call that can be taken back. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as a port: nothing in the core reads a clock, sets a timer or waits by other means, so a test can hold time in
 * its hand. Durations and instants are milliseconds.
 */
export abstract class Clock {
  /** Wall clock, Unix milliseconds. For what people read and for what is stored; never for measuring. */
  abstract wall(): number;

  /** Monotonic milliseconds with fractions, read afresh (about 40 ns). Leases are judged by it. */
  abstract monotonic(): number;

  /**
   * Monotonic milliseconds as of a recent tick (a few ns). May lag behind by a tick or by the length of a synchronous
   * turn: good for the TTL of a process-local entry, never for a lease.
   */
  abstract coarse(): number;

  /** Calls `action` once after `delayMs`. A pending timer never keeps the process alive. */
  abstract schedule(delayMs: number, action: () => void): Timer;

  /** Resolves after `delayMs`. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.schedule(delayMs, resolve));
  }
}
