import { LatencyWindow } from './latency-window.js';

/** The decision cache as numbers. Totals are those of this process since it started. */
export interface DecisionMetrics {
  /** Lookups: `get` and `getOrCompute`, bypassed ones included. */
  readonly totalRequests: number;
  readonly totalHits: number;
  /** Lookups that found nothing, or something expired. Bypassed lookups are neither hits nor misses. */
  readonly totalMisses: number;
  /** `totalHits / totalRequests`; 0 while there were none. */
  readonly hitRate: number;
  /** How long the latest 2,048 lookups took on average, without the time of a factory, ms. */
  readonly avgLatencyMs: number;
  /** The time that 99 of 100 of those did not exceed, ms: one that was measured, not an estimate. */
  readonly p99LatencyMs: number;
  /** Entries that are kept, expired ones included until they are pruned; exact up to 100,000, beyond it as the store estimates. */
  readonly currentEntryCount: number;
  /** Entries that invalidations have removed. */
  readonly totalInvalidations: number;
  /** Whether the shared tier in front answers now; where there is none, whether memory is served. */
  readonly valkeyCacheHealthy: boolean;
  /** Whether the durable tier answers now. */
  readonly postgresRepositoryHealthy: boolean;
  readonly collectedAt: Date;
}

/** What is asked of the tiers when metrics are collected. */
export type DecisionGauges = Pick<
  DecisionMetrics,
  'currentEntryCount' | 'valkeyCacheHealthy' | 'postgresRepositoryHealthy' | 'collectedAt'
>;

/** Counts lookups and invalidations. */
export class DecisionCounters {
  private requests = 0;
  private hits = 0;
  private misses = 0;
  private invalidations = 0;
  private readonly latency = new LatencyWindow();

  requested(): void {
    this.requests += 1;
  }

  /** @param tookMs the lookup alone; `null`: it cannot be told from another's factory */
  found(hit: boolean, tookMs: number | null): void {
    if (hit) this.hits += 1;
    else this.misses += 1;
    if (tookMs !== null) this.latency.observe(tookMs);
  }

  invalidated(entries: number): void {
    this.invalidations += entries;
  }

  metrics(gauges: DecisionGauges): DecisionMetrics {
    const { requests, hits, misses, invalidations, latency } = this;
    return {
      totalRequests: requests,
      totalHits: hits,
      totalMisses: misses,
      hitRate: requests === 0 ? 0 : hits / requests,
      avgLatencyMs: latency.average(),
      p99LatencyMs: latency.percentile(0.99),
      totalInvalidations: invalidations,
      ...gauges,
    };
  }
}
