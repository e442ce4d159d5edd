/**
 * Exponential backoff with full jitter: the n-th wait is uniform between `minMs` and `minMs · 2ⁿ`, at most `maxMs`, so
 * that instances cut off together do not come back together.
 */
export class Backoff {
  private attempt = 0;

  constructor(
    private readonly minMs: number,
    private readonly maxMs: number,
    private readonly random: () => number,
  ) {}

  next(): number {
    const ceiling = Math.min(this.maxMs, this.minMs * 2 ** this.attempt);
    this.attempt = Math.min(this.attempt + 1, 30);
    return this.minMs + this.random() * (ceiling - this.minMs);
  }

  reset(): void {
    this.attempt = 0;
  }
}
