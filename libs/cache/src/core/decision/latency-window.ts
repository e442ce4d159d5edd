/** So many of the latest lookups tell how long one takes. */
const WINDOW = 2_048;

/**
 * How long the latest lookups took: all of them, kept one by one, so that a percentile is a time that one of them took and
 * not an estimate. Bounded; the average is over the same window.
 */
export class LatencyWindow {
  private readonly samples: Float64Array;
  private observed = 0;

  constructor(size = WINDOW) {
    this.samples = new Float64Array(size);
  }

  /** @param tookMs ms */
  observe(tookMs: number): void {
    this.samples[this.observed % this.samples.length] = tookMs;
    this.observed += 1;
  }

  /** ms; 0 while nothing was measured. */
  average(): number {
    const latest = this.latest();
    return latest.length === 0 ? 0 : latest.reduce((sum, each) => sum + each, 0) / latest.length;
  }

  /** The nearest rank, ms: the smallest time that at least this share of the lookups did not exceed; 0 while nothing was measured. */
  percentile(share: number): number {
    const latest = this.latest().slice().sort();
    return latest.length === 0 ? 0 : latest[Math.max(0, Math.ceil(share * latest.length) - 1)]!;
  }

  private latest(): Float64Array {
    return this.samples.subarray(0, Math.min(this.observed, this.samples.length));
  }
}
