import { LatencyHistogram, type LatencySummary } from '../../core/metrics/latency-histogram.js';
import type { ActionMetrics, BackendMetrics, CacheMetricsSnapshot } from '../../core/metrics/metrics-snapshot.js';

/** How long something took, ms; `null` before the first. */
export type Times = {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
} | null;

/** What `GET /cache/metrics` answers of one action. Names as on the wire. */
export interface ActionFigures {
  readonly scope: string;
  readonly action: string;
  readonly hits: number;
  readonly memory_hits: number;
  readonly shared_hits: number;
  readonly joined: number;
  readonly misses: number;
  readonly expired: number;
  readonly stale: number;
  readonly bypassed: number;
  readonly loads: number;
  readonly failed_loads: number;
  readonly hit_rate: number;
  /** All lookups. One that memory answers is not timed: it counts as one of the fastest. */
  readonly lookup_ms: Times;
  /** Lookups that the shared tier answered, and those for which the method ran. */
  readonly shared_ms: Times;
  readonly source_ms: Times;
  /** The method alone. */
  readonly load_ms: Times;
}

/** The numbers of this instance since it started. */
export function metricsReply(snapshot: CacheMetricsSnapshot, instance: string) {
  const { actions, memory, invalidations, fencedFills, log, outbox } = snapshot;
  const total = (field: 'memoryHits' | 'sharedHits' | 'joined' | 'misses' | 'expired' | 'stale' | 'bypassed'): number =>
    actions.reduce((sum, action) => sum + action[field], 0);
  const hits = total('memoryHits') + total('sharedHits');
  const reads = hits + total('joined') + total('misses') + total('expired') + total('stale');
  return {
    instance,
    namespace: snapshot.namespace,
    at: new Date(snapshot.at).toISOString(),
    shared_tier: snapshot.sharedTier,
    backends: snapshot.backends.map(backendOf),
    hits,
    misses: total('misses') + total('expired'),
    bypassed: total('bypassed'),
    hit_rate: reads === 0 ? 0 : hits / reads,
    actions: actions.map(figuresOf),
    memory,
    loads_under_way: snapshot.loadsUnderWay,
    invalidations: {
      applied: invalidations.applied,
      failed: invalidations.failed,
      pending: invalidations.pending,
      removed_entries: invalidations.removedEntries,
      intents: invalidations.intents,
      latency_ms: timesOf(invalidations.latency),
    },
    fenced_fills: fencedFills,
    resets: snapshot.resets,
    troubles: snapshot.troubles,
    link_failures: snapshot.linkFailures,
    log: logOf(log),
    outbox: outbox && {
      published: outbox.published,
      retried: outbox.retried,
      dead: outbox.dead,
      released: outbox.released,
      failed_drains: outbox.failedDrains,
      dead_rows: outbox.deadRows,
      lag_ms: timesOf(outbox.lag),
    },
    audit_failures: snapshot.auditFailures,
  };
}

export type MetricsReply = ReturnType<typeof metricsReply>;

function backendOf({ name, memory, log, resets, failures, figures }: BackendMetrics) {
  return { name, memory, log: logOf(log), resets, link_failures: failures, figures };
}

function logOf({ kind, state, lagMs, leaseLeftMs }: BackendMetrics['log']) {
  return { kind, state, lag_ms: lagMs, lease_left_ms: leaseLeftMs };
}

function figuresOf(action: ActionMetrics): ActionFigures {
  const { scope, action: name, memoryHits, sharedHits, shared, source } = action;
  return {
    scope,
    action: name,
    hits: memoryHits + sharedHits,
    memory_hits: memoryHits,
    shared_hits: sharedHits,
    joined: action.joined,
    misses: action.misses,
    expired: action.expired,
    stale: action.stale,
    bypassed: action.bypassed,
    loads: action.loads,
    failed_loads: action.failedLoads,
    hit_rate: action.hitRate,
    lookup_ms: timesOf(LatencyHistogram.together([shared, source], memoryHits)),
    shared_ms: timesOf(shared),
    source_ms: timesOf(source),
    load_ms: timesOf(action.load),
  };
}

function timesOf({ count, p50Ms, p95Ms, p99Ms, maxMs }: LatencySummary): Times {
  return count === 0 ? null : { count, p50: p50Ms, p95: p95Ms, p99: p99Ms, max: maxMs };
}
