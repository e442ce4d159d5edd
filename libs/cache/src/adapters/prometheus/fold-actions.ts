import { OTHER_ACTIONS } from '../../core/engine/read-counters.js';
import type { LatencySummary } from '../../core/metrics/latency-histogram.js';
import type { ActionMetrics } from '../../core/metrics/metrics-snapshot.js';

/** What a scrape shows of an action. */
export type ScrapedAction = Omit<ActionMetrics, 'shared' | 'source' | 'load' | 'hitRate'> &
  Readonly<Record<'shared' | 'source' | 'load', ScrapedLatency>>;
export type ScrapedLatency = Pick<LatencySummary, 'count' | 'sumMs' | 'buckets'>;

/**
 * The first `max` actions as they are and the rest as one. Which they are never changes, for they stand in order of first
 * use: a counter must not fall because another action has become busier.
 */
export function foldActions(actions: readonly ScrapedAction[], max: number): readonly ScrapedAction[] {
  if (actions.length <= max) return actions;
  return [...actions.slice(0, max), actions.slice(max).reduce(together)];
}

function together(a: ScrapedAction, b: ScrapedAction): ScrapedAction {
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

function sum(a: ScrapedLatency, b: ScrapedLatency): ScrapedLatency {
  const buckets = a.buckets.map((count, index) => count + b.buckets[index]!);
  return { count: a.count + b.count, sumMs: a.sumMs + b.sumMs, buckets };
}
