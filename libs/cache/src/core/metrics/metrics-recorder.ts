import type { CoherenceEventMap } from '../coherence/coherence.events.js';
import type { EngineEvents, TroubleEvent } from '../engine/engine.events.js';
import { Emitter } from '../events/emitter.js';
import type { InvalidationEvents } from '../invalidation/invalidation.events.js';
import type { OutboxEvents } from '../outbox/outbox.events.js';
import { LatencyHistogram } from './latency-histogram.js';
import type {
  ActionLatency,
  FollowMeasurements,
  LinkCounts,
  Measurement,
  RecordedMetrics,
} from './metrics-snapshot.js';

/** Who announces. */
export interface MetricsSources {
  readonly engine: EngineEvents;
  readonly invalidations: InvalidationEvents;
  readonly outbox: Emitter<OutboxEvents>;
}

/** The times of one action. */
class ActionTimes {
  readonly shared = new LatencyHistogram();
  readonly source = new LatencyHistogram();
  readonly load = new LatencyHistogram();

  constructor(
    readonly scope: string,
    readonly action: string,
  ) {}

  summary(): ActionLatency {
    const { scope, action, shared, source, load } = this;
    return { scope, action, shared: shared.summary(), source: source.summary(), load: load.summary() };
  }
}

/**
 * Counts what is announced, and times it. It listens to nothing that happens on a hit in memory: those are counted on the
 * road itself (`ReadCounters`). Bounded: the engine folds actions beyond its bound into one, and all else has fixed names.
 */
export class MetricsRecorder {
  private readonly actions = new Map<string, Map<string, ActionTimes>>();
  private readonly fenced = { memory: 0, shared: 0 };
  private readonly links = new Map<string, LinkCounts>();
  private readonly troubles = new Map<TroubleEvent['operation'], number>();
  private readonly intents = { key: 0, tag: 0, entity: 0, collection: 0, pattern: 0, flush: 0 };
  private readonly invalidationTime = new LatencyHistogram();
  private invalidated = 0;
  private removed = 0;
  private failedInvalidations = 0;
  private readonly outbox = { published: 0, retried: 0, dead: 0, released: 0, failedDrains: 0 };
  private readonly outboxLag = new LatencyHistogram();
  private readonly measurements = new Emitter<{ measured: Measurement }>();

  /** Tells of every time as it is measured. */
  readonly follow: FollowMeasurements = (listener) => this.measurements.on('measured', listener);

  listen({ engine, invalidations, outbox }: MetricsSources): void {
    engine.on('answered', ({ scope, action, tier, tookMs }) => {
      const times = this.timesOf(scope, action);
      if (tier === 'memory') return;
      const kind = tier === 'source' ? 'source' : 'shared';
      times[kind].observe(tookMs);
      this.measured('read_seconds', { scope, method: action, tier: kind }, tookMs);
    });
    engine.on('loaded', ({ scope, action, tookMs }) => {
      this.timesOf(scope, action).load.observe(tookMs);
      this.measured('load_seconds', { scope, method: action }, tookMs);
    });
    engine.on('fenced', ({ tier }) => {
      this.fenced[tier === 'memory' ? 'memory' : 'shared'] += 1;
    });
    engine.on('trouble', ({ operation }) => {
      this.troubles.set(operation, (this.troubles.get(operation) ?? 0) + 1);
    });
    invalidations.on('invalidated', ({ intents, removed, latencyMs }) => {
      this.invalidated += 1;
      this.removed += removed;
      this.invalidationTime.observe(latencyMs);
      this.measured('invalidation_seconds', {}, latencyMs);
      for (const { kind } of intents) this.intents[kind] += 1;
    });
    invalidations.on('failed', () => {
      this.failedInvalidations += 1;
    });
    this.listenToOutbox(outbox);
  }

  /** Counts what the link to a backend tells of itself; backends are as many as the configuration names. */
  listenToLink(backend: string, coherence: Emitter<CoherenceEventMap>): void {
    const counts = { resets: { history: 0, gap: 0, 'lost-message': 0, 'forged-message': 0 }, failures: 0 };
    this.links.set(backend, counts);
    coherence.on('reset', ({ cause }) => {
      counts.resets[cause] += 1;
    });
    coherence.on('trouble', () => {
      counts.failures += 1;
    });
  }

  /** What was recorded since start. */
  recorded(): RecordedMetrics {
    return {
      actions: [...this.actions.values()].flatMap((times) => [...times.values()].map((each) => each.summary())),
      fencedFills: { ...this.fenced },
      troubles: Object.fromEntries(this.troubles),
      links: Object.fromEntries(
        [...this.links].map(([backend, { resets, failures }]) => [backend, { resets: { ...resets }, failures }]),
      ),
      invalidations: {
        applied: this.invalidated,
        failed: this.failedInvalidations,
        removedEntries: this.removed,
        intents: { ...this.intents },
        latency: this.invalidationTime.summary(),
      },
      outbox: { ...this.outbox, lag: this.outboxLag.summary() },
    };
  }

  private listenToOutbox(outbox: Emitter<OutboxEvents>): void {
    outbox.on('published', ({ rows, lagMs }) => {
      this.outbox.published += rows.length;
      this.outboxLag.observe(Math.max(0, lagMs));
      this.measured('outbox_lag_seconds', {}, Math.max(0, lagMs));
    });
    outbox.on('retried', () => {
      this.outbox.retried += 1;
    });
    outbox.on('dead', () => {
      this.outbox.dead += 1;
    });
    outbox.on('released', ({ rows }) => {
      this.outbox.released += rows.length;
    });
    outbox.on('failed', () => {
      this.outbox.failedDrains += 1;
    });
  }

  private measured(metric: Measurement['metric'], labels: Measurement['labels'], tookMs: number): void {
    if (this.measurements.has('measured')) this.measurements.emit('measured', { metric, labels, tookMs });
  }

  private timesOf(scope: string, action: string): ActionTimes {
    let actions = this.actions.get(scope);
    if (actions === undefined) this.actions.set(scope, (actions = new Map()));
    let times = actions.get(action);
    if (times === undefined) actions.set(action, (times = new ActionTimes(scope, action)));
    return times;
  }
}
