import type { Clock } from '../../core/clock/clock.port.js';

const WINDOW_MS = 60_000;
/** Names counted at a time. Beyond it the longest known is forgotten, so that nobody can fill the memory with names. */
const MAX_NAMES = 10_000;

interface Window {
  readonly endsAt: number;
  count: number;
}

/**
 * Counts what is done per minute, by name, on this instance. It stands here and not in a library because of its cap and of
 * its clock: no stream of names makes it grow, and a test holds its time.
 */
export class RequestRate {
  private readonly windows = new Map<string, Window>();

  constructor(private readonly clock: Clock) {}

  /** Takes one of `limit` per minute. Returns how long to wait for the next where none is left, ms; 0: taken. */
  take(name: string, limit: number): number {
    const now = this.clock.monotonic();
    let window = this.windows.get(name);
    if (window === undefined || window.endsAt <= now) {
      this.windows.delete(name); // a Map keeps insertion order: the first is the one that ends first
      this.forgetSome();
      window = { endsAt: now + WINDOW_MS, count: 0 };
      this.windows.set(name, window);
    }
    if (window.count >= limit) return window.endsAt - now;
    window.count += 1;
    return 0;
  }

  private forgetSome(): void {
    for (const oldest of this.windows.keys()) {
      if (this.windows.size < MAX_NAMES) return;
      this.windows.delete(oldest);
    }
  }
}
