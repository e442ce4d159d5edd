import { LATENCY_BOUNDS_MS } from '../../core/metrics/latency-histogram.js';
import type { CacheMetricsSnapshot } from '../../core/metrics/metrics-snapshot.js';
import type { ScrapedAction, ScrapedLatency } from './fold-actions.js';

type Labels = Readonly<Record<string, string | number>>;

/** One line of a scrape. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** Where it differs from the metric's name: the parts of a histogram. */
  readonly metricName?: string;
}

/** A snapshot with no more actions than are shown. */
export type Scrape = Omit<CacheMetricsSnapshot, 'actions'> & { readonly actions: readonly ScrapedAction[] };

/** What a metric is and how it is read off a snapshot; times of a snapshot are ms, times of a metric are seconds. */
export interface MetricDefinition {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly read: (snapshot: Scrape, name: string) => readonly Sample[];
}

/**
 * A metric whose numbers are kept by the cache and read when they are asked for, in the form in which prom-client's registry
 * knows metrics. Its own classes count for themselves, which would mean to count everything twice.
 */
export class SnapshotMetric {
  readonly help: string;
  readonly type: MetricDefinition['type'];
  /** In a cluster of processes the numbers of all workers add up. */
  readonly aggregator = 'sum';

  constructor(
    /** Not read-only: in the OpenMetrics format the registry takes `_total` off a counter's name. */
    public name: string,
    private readonly definition: MetricDefinition,
    private readonly snapshot: () => Scrape,
  ) {
    this.help = definition.help;
    this.type = definition.type;
  }

  async get() {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values: this.definition.read(this.snapshot(), name) };
  }

  /** Called by `registry.resetMetrics()`; the numbers are the cache's, which goes on counting. */
  reset(): void {}
}

/** The lines of one histogram. */
export function histogram(name: string, labels: Labels, { buckets, count, sumMs }: ScrapedLatency): Sample[] {
  let upTo = 0;
  const bounds = LATENCY_BOUNDS_MS.map((bound, index) => {
    upTo += buckets[index]!;
    return { labels: { le: bound / 1000, ...labels }, value: upTo, metricName: `${name}_bucket` };
  });
  return [
    ...bounds,
    { labels: { le: '+Inf', ...labels }, value: count, metricName: `${name}_bucket` },
    { labels, value: sumMs / 1000, metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ];
}
