import type { Clock } from '../clock/clock.port.js';

/**
 * Opens after `failures` failures within `windowMs`, and closes at the next proof of health. While it is open only
 * probes may be sent; for a link the probe is its heartbeat.
 */
export class CircuitBreaker {
  private readonly failedAt: number[] = [];
  private tripped = false;

  constructor(
    private readonly clock: Clock,
    private readonly failures: number,
    private readonly windowMs: number,
  ) {}

  get open(): boolean {
    return this.tripped;
  }

  failed(): void {
    const now = this.clock.monotonic();
    this.failedAt.push(now);
    if (this.failedAt.length > this.failures) this.failedAt.shift();
    if (this.failedAt.length === this.failures && now - this.failedAt[0]! <= this.windowMs) this.tripped = true;
  }

  proved(): void {
    this.tripped = false;
    this.failedAt.length = 0;
  }
}
