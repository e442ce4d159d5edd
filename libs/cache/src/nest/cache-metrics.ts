import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { ReadCounters } from '../core/engine/read-counters.js';
import { LatencyHistogram } from '../core/metrics/latency-histogram.js';
import type { ActionLatency, ActionMetrics, CacheMetricsSnapshot } from '../core/metrics/metrics-snapshot.js';
import { CacheRuntime } from './cache-runtime.js';

const NEVER = new LatencyHistogram().summary();

/** The cache's numbers as data (REQ-002-38). Asks nobody, so it answers at once whatever is down. */
@Injectable()
export class CacheMetrics implements OnModuleInit, OnApplicationShutdown {
  constructor(private readonly runtime: CacheRuntime) {}

  /** Opens the exporters of the module's options. */
  onModuleInit(): void {
    const { exporters, metrics } = this.runtime;
    for (const exporter of exporters) exporter.start(() => this.snapshot(), metrics.follow);
  }

  onApplicationShutdown(): void {
    for (const exporter of this.runtime.exporters) exporter.stop();
  }

  /** The numbers of this instance, now. Holds no keys, values or credentials. */
  snapshot(): CacheMetricsSnapshot {
    const { namespace, clock, engine, backend, log, invalidations, durable, audit, metrics } = this.runtime;
    const { actions, outbox, ...recorded } = metrics.recorded();
    const { store } = engine.local;
    const { kind, state, leaseMs } = log.health();
    const times = new Map(actions.map((each) => [nameOf(each), each]));
    return {
      ...recorded,
      namespace,
      at: clock.wall(),
      sharedTier: backend?.name ?? null,
      actions: engine.counters.all().map((counters) => actionOf(counters, times.get(nameOf(counters)))),
      memory: { entries: store.size, bytes: store.bytes, removed: { ...store.removed } },
      loadsUnderWay: engine.loadsUnderWay,
      invalidations: { ...recorded.invalidations, pending: invalidations.pendingCount },
      log: { kind, state, leaseLeftMs: leaseMs, lagMs: leaseMs === null ? 0 : log.leaseMs - leaseMs },
      outbox: durable.outbox === null ? null : { ...outbox, deadRows: durable.deadLetters },
      auditFailures: audit.failed,
    };
  }
}

function actionOf(counters: ReadCounters, times: ActionLatency | undefined): ActionMetrics {
  const { scope, action, memoryHits, sharedHits, joined, misses, expired, stale, bypassed } = counters;
  const { loads, failedLoads } = counters;
  const hits = memoryHits + sharedHits;
  const reads = hits + joined + misses + expired + stale;
  return {
    scope,
    action,
    memoryHits,
    sharedHits,
    joined,
    misses,
    expired,
    stale,
    bypassed,
    loads,
    failedLoads,
    hitRate: reads === 0 ? 0 : hits / reads,
    shared: times?.shared ?? NEVER,
    source: times?.source ?? NEVER,
    load: times?.load ?? NEVER,
  };
}

/** Names hold no space. */
function nameOf({ scope, action }: { readonly scope: string; readonly action: string }): string {
  return `${scope} ${action}`;
}
