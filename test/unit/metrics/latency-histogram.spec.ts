import fc from 'fast-check';
import { LATENCY_BOUNDS_MS, LatencyHistogram } from '../../../libs/cache/src/core/metrics/latency-histogram.js';

function histogramOf(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.observe(value);
  return histogram;
}

/** The bounds of the bucket in which a value lies. */
function bucketOf(value: number): [number, number] {
  const index = LATENCY_BOUNDS_MS.findIndex((bound) => value <= bound);
  if (index === -1) return [LATENCY_BOUNDS_MS.at(-1)!, Number.POSITIVE_INFINITY];
  return [index === 0 ? 0 : LATENCY_BOUNDS_MS[index - 1]!, LATENCY_BOUNDS_MS[index]!];
}

describe('LatencyHistogram', () => {
  it('says 0 while nothing was measured', () => {
    expect(new LatencyHistogram().summary()).toMatchObject({ count: 0, sumMs: 0, maxMs: 0, p50Ms: 0, p99Ms: 0 });
  });

  it('shows 4 % of slow lookups in p99 and not in p95', () => {
    const { p50Ms, p95Ms, p99Ms } = histogramOf([
      ...Array<number>(96).fill(0.3),
      ...Array<number>(4).fill(400),
    ]).summary();
    expect(p50Ms).toBeLessThanOrEqual(0.5);
    expect(p95Ms).toBeLessThanOrEqual(0.5);
    expect(p99Ms).toBeGreaterThan(250);
    expect(p99Ms).toBeLessThanOrEqual(400);
  });

  it('has each percentile in the bucket of the exact one, and never above the maximum', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 30_000, noNaN: true }), { minLength: 1 }), (values) => {
        const sorted = [...values].sort((a, b) => a - b);
        const summary = histogramOf(values).summary();
        expect(summary.count).toBe(values.length);
        expect(summary.buckets.reduce((sum, count) => sum + count, 0)).toBe(values.length);
        for (const [share, estimate] of [
          [0.5, summary.p50Ms],
          [0.95, summary.p95Ms],
          [0.99, summary.p99Ms],
        ] as const) {
          const [from, to] = bucketOf(sorted[Math.ceil(share * values.length) - 1]!);
          expect(estimate).toBeGreaterThanOrEqual(from);
          expect(estimate).toBeLessThanOrEqual(Math.min(to, summary.maxMs));
        }
      }),
    );
  });

  it('stays as small as it is', () => {
    const histogram = histogramOf(Array.from({ length: 10_000 }, (_, i) => i));
    expect(histogram.summary().buckets).toHaveLength(LATENCY_BOUNDS_MS.length + 1);
  });
});
