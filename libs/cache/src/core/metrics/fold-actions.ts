import { OTHER_ACTIONS } from '../engine/engine.events.js';
import type { LatencySummary } from './latency-histogram.js';
import type { ActionMetrics, CacheMetricsSnapshot } from './metrics-snapshot.js';

/** What an exporter shows of an action. */
export type ShownAction = Omit<ActionMetrics, 'shared' | 'source' | 'load' | 'hitRate'> &
  Readonly<Record<'shared' | 'source' | 'load', ShownLatency>>;
export type ShownLatency = Pick<LatencySummary, 'count' | 'sumMs' | 'buckets'>;

/** A snapshot with no more actions than are shown. */
export type ShownSnapshot = Omit<CacheMetricsSnapshot, 'actions'> & { readonly actions: readonly ShownAction[] };

/** The snapshot with at most `max` actions and one more for the rest. */
export function withFoldedActions(snapshot: CacheMetricsSnapshot, max: number): ShownSnapshot {
  return { ...snapshot, actions: foldActions(snapshot.actions, max) };
}

/**
 * The first `max` actions as they are and the rest as one. Which they are never changes, for they stand in order of first
 * use: a counter must not fall because another action has become busier.
 */
function foldActions(actions: readonly ShownAction[], max: number): readonly ShownAction[] {
  if (actions.length <= max) return actions;
  return [...actions.slice(0, max), actions.slice(max).reduce(together)];
}

function together(a: ShownAction, b: ShownAction): ShownAction {
  return {
    scope: OTHER_ACTIONS,
    action: OTHER_ACTIONS,
    memoryHits: a.memoryHits + b.memoryHits,
    sharedHits: a.sharedHits + b.sharedHits,
    joined: a.joined + b.joined,
    misses: a.misses + b.misses,
    expired: a.expired + b.expired,
    stale: a.stale + b.stale,
    bypassed: a.bypassed + b.bypassed,
    loads: a.loads + b.loads,
    failedLoads: a.failedLoads + b.failedLoads,
    shared: sum(a.shared, b.shared),
    source: sum(a.source, b.source),
    load: sum(a.load, b.load),
  };
}

function sum(a: ShownLatency, b: ShownLatency): ShownLatency {
  const buckets = a.buckets.map((count, index) => count + b.buckets[index]!);
  return { count: a.count + b.count, sumMs: a.sumMs + b.sumMs, buckets };
}
