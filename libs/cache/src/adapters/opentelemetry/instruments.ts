import type { BatchObservableCallback, Histogram, Meter, Observable } from '@opentelemetry/api';
import { withFoldedActions } from '../../core/metrics/fold-actions.js';
import { LATENCY_BOUNDS_MS } from '../../core/metrics/latency-histogram.js';
import { METRIC_DEFINITIONS, type MetricDefinition } from '../../core/metrics/metric-definitions.js';
import type { CacheMetricsSnapshot, FollowMeasurements, Measurement } from '../../core/metrics/metrics-snapshot.js';
import { ActionAttributes } from './action-attributes.js';
import type { ResolvedOpentelemetryOptions } from './opentelemetry.options.js';

const BOUNDS_SECONDS = LATENCY_BOUNDS_MS.map((bound) => bound / 1000);

/**
 * The instruments of the cache's metrics. Numbers are read when they are collected, all of them off one snapshot; times are
 * recorded as they are measured, since OpenTelemetry keeps histograms itself.
 */
export class Instruments {
  private readonly numbers: { readonly observable: Observable; readonly definition: NumberMetric }[] = [];
  private readonly times = new Map<string, Histogram>();
  private readonly attributes: ActionAttributes;
  private readonly unfollow: () => void;

  constructor(
    private readonly meter: Meter,
    private readonly options: ResolvedOpentelemetryOptions,
    private readonly read: () => CacheMetricsSnapshot,
    follow: FollowMeasurements,
  ) {
    this.attributes = new ActionAttributes(options.maxActions, () => read().actions);
    for (const definition of METRIC_DEFINITIONS) this.create(definition);
    this.meter.addBatchObservableCallback(this.observe, this.observables());
    this.unfollow = follow((measurement) => this.record(measurement));
  }

  /** Nothing is observed or recorded any more. */
  remove(): void {
    this.unfollow();
    this.meter.removeBatchObservableCallback(this.observe, this.observables());
  }

  private create(definition: MetricDefinition): void {
    const { name, unit } = namesOf(definition.name);
    const full = this.options.prefix + name;
    const options = { description: definition.help, unit };
    switch (definition.type) {
      case 'counter':
        this.numbers.push({ observable: this.meter.createObservableCounter(full, options), definition });
        return;
      case 'gauge':
        this.numbers.push({ observable: this.meter.createObservableGauge(full, options), definition });
        return;
      case 'histogram': {
        const advice = { explicitBucketBoundaries: [...BOUNDS_SECONDS] };
        this.times.set(definition.name, this.meter.createHistogram(full, { ...options, advice }));
      }
    }
  }

  private readonly observe: BatchObservableCallback = (result) => {
    const shown = withFoldedActions(this.read(), this.options.maxActions);
    for (const { observable, definition } of this.numbers) {
      for (const { labels, value } of definition.read(shown)) result.observe(observable, value, labels);
    }
  };

  private record({ metric, labels, tookMs }: Measurement): void {
    this.times.get(metric)?.record(tookMs / 1000, this.attributes.of(labels));
  }

  private observables(): Observable[] {
    return this.numbers.map(({ observable }) => observable);
  }
}

type NumberMetric = Exclude<MetricDefinition, { type: 'histogram' }>;

/**
 * A unit that stands in the name for Prometheus stands beside it for OpenTelemetry, as the `_total` of a counter does. Its
 * exporters for Prometheus put both back, so that dashboards and rules fit either way.
 */
function namesOf(name: string): { name: string; unit: string } {
  const plain = name.replace(/_total$/, '');
  if (plain.endsWith('_seconds')) return { name: plain.slice(0, -'_seconds'.length), unit: 's' };
  if (plain.endsWith('_bytes')) return { name: plain.slice(0, -'_bytes'.length), unit: 'By' };
  return { name: plain, unit: '' };
}
