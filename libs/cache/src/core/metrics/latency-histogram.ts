/** Upper bounds of the buckets, ms, both ends of what a cache and its sources take; one more bucket holds what is above. */
export const LATENCY_BOUNDS_MS: readonly number[] = Object.freeze([
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000,
]);

/** How long something took, as plain data. */
export interface LatencySummary {
  readonly count: number;
  readonly sumMs: number;
  readonly maxMs: number;
  /** Estimated within its bucket; 0 while nothing was measured. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Measurements up to each bound of `LATENCY_BOUNDS_MS`, not cumulated; the last number counts those above all bounds. */
  readonly buckets: readonly number[];
}

/**
 * Measured times in fixed buckets: 17 numbers, whatever is measured. A percentile is off by less than the width of its
 * bucket, and never above what was measured.
 */
export class LatencyHistogram {
  private readonly buckets = [...LATENCY_BOUNDS_MS, Number.POSITIVE_INFINITY].map(() => 0);
  private count = 0;
  private sumMs = 0;
  private maxMs = 0;

  /** Several as one, with `fastest` more measurements that were too short to be taken: they are in the first bucket. */
  static together(summaries: readonly LatencySummary[], fastest: number): LatencySummary {
    const all = new LatencyHistogram();
    all.buckets[0] = fastest;
    all.count = fastest;
    for (const { count, sumMs, maxMs, buckets } of summaries) {
      buckets.forEach((measured, index) => (all.buckets[index]! += measured));
      all.count += count;
      all.sumMs += sumMs;
      all.maxMs = Math.max(all.maxMs, maxMs);
    }
    return all.summary();
  }

  observe(tookMs: number): void {
    let index = 0;
    while (index < LATENCY_BOUNDS_MS.length && tookMs > LATENCY_BOUNDS_MS[index]!) index += 1;
    this.buckets[index]! += 1;
    this.count += 1;
    this.sumMs += tookMs;
    if (tookMs > this.maxMs) this.maxMs = tookMs;
  }

  summary(): LatencySummary {
    const { count, sumMs, maxMs } = this;
    return {
      count,
      sumMs,
      maxMs,
      p50Ms: this.percentile(0.5),
      p95Ms: this.percentile(0.95),
      p99Ms: this.percentile(0.99),
      buckets: [...this.buckets],
    };
  }

  /** The nearest rank, spread evenly over its bucket. */
  private percentile(share: number): number {
    if (this.count === 0) return 0;
    const rank = Math.ceil(share * this.count);
    let below = 0;
    let index = 0;
    while (below + this.buckets[index]! < rank) below += this.buckets[index++]!;
    const from = index === 0 ? 0 : LATENCY_BOUNDS_MS[index - 1]!;
    const to = Math.min(LATENCY_BOUNDS_MS[index] ?? this.maxMs, this.maxMs);
    return Math.min(to, from + ((to - from) * (rank - below)) / this.buckets[index]!);
  }
}
