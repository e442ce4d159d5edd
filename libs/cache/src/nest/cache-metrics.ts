import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { ReadCounters } from '../core/engine/read-counters.js';
import { LatencyHistogram } from '../core/metrics/latency-histogram.js';
import type {
  ActionLatency,
  ActionMetrics,
  BackendMetrics,
  CacheMetricsSnapshot,
} from '../core/metrics/metrics-snapshot.js';
import type { CacheStack } from './backends/cache-stack.js';
import { figuresOf } from './backends/figures-of.js';
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
    const { namespace, clock, main, counters, invalidations, durable, audit, metrics, cacheLog } = this.runtime;
    const { actions, outbox, links, ...recorded } = metrics.recorded();
    const times = new Map(actions.map((each) => [nameOf(each), each]));
    const stacks = this.runtime.backends.all();
    const backends = stacks.map((stack) => ({
      ...links[stack.name]!,
      ...backendOf(stack),
      figures: figuresOf(stack, cacheLog),
    }));
    const resets = backends.map((backend) => backend.resets);
    return {
      ...recorded,
      namespace,
      at: clock.wall(),
      sharedTier: main.backend?.name ?? null,
      backends,
      actions: counters.all().map((each) => actionOf(each, times.get(nameOf(each)))),
      memory: memoryOf(backends),
      loadsUnderWay: stacks.reduce((sum, { engine }) => sum + engine.loadsUnderWay, 0),
      resets: resets.reduce(together),
      linkFailures: backends.reduce((sum, { failures }) => sum + failures, 0),
      invalidations: { ...recorded.invalidations, pending: invalidations.pendingCount },
      log: backends[0]!.log,
      outbox: durable.outbox === null ? null : { ...outbox, deadRows: durable.deadLetters },
      auditFailures: audit.failed,
    };
  }
}

function backendOf({ name, engine, log }: CacheStack): Pick<BackendMetrics, 'name' | 'memory' | 'log'> {
  const { store } = engine.local;
  const { kind, state, leaseMs } = log.health();
  return {
    name,
    memory: { entries: store.size, bytes: store.bytes, removed: { ...store.removed } },
    log: { kind, state, leaseLeftMs: leaseMs, lagMs: leaseMs === null ? 0 : log.leaseMs - leaseMs },
  };
}

function memoryOf(backends: readonly BackendMetrics[]): BackendMetrics['memory'] {
  return backends
    .map(({ memory }) => memory)
    .reduce((a, b) => ({
      entries: a.entries + b.entries,
      bytes: a.bytes + b.bytes,
      removed: together(a.removed, b.removed),
    }));
}

/** Adds numbers of the same names. */
function together<Name extends string>(
  a: Readonly<Record<Name, number>>,
  b: Readonly<Record<Name, number>>,
): Readonly<Record<Name, number>> {
  const names = Object.keys(a) as Name[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as Record<Name, number>;
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
