import type { InvalidationFigures } from './invalidation-statistics.js';

/** What `GET /invalidate/metrics` answers. Names as on the wire (REQ-003-16). */
export interface InvalidationMetrics {
  readonly total_invalidations: number;
  readonly key_invalidations: number;
  readonly pattern_invalidations: number;
  readonly audit_writes: number;
  readonly pubsub_publishes: number;
  readonly errors: number;
  /** `pattern_invalidations / total_invalidations`; 0 where nothing was invalidated. */
  readonly pattern_invalidation_ratio: number;
  readonly refusals: number;
  /** `null` before the first. */
  readonly latency_ms: InvalidationFigures['latencyMs'];
}

export function metricsOf(figures: InvalidationFigures): InvalidationMetrics {
  const { totalInvalidations: total, patternInvalidations: byPattern } = figures;
  return {
    total_invalidations: total,
    key_invalidations: figures.keyInvalidations,
    pattern_invalidations: byPattern,
    audit_writes: figures.auditWrites,
    pubsub_publishes: figures.publishes,
    errors: figures.errors,
    pattern_invalidation_ratio: total === 0 ? 0 : byPattern / total,
    refusals: figures.refusals,
    latency_ms: figures.latencyMs,
  };
}
