import { LATENCY_BOUNDS_MS } from '../../core/metrics/latency-histogram.js';
import type { ShownSnapshot } from '../../core/metrics/fold-actions.js';
import type { MetricDefinition, TimeSample } from '../../core/metrics/metric-definitions.js';

/** One line of a scrape. */
interface Line {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Where it differs from the metric's name: the parts of a histogram. */
  readonly metricName?: string;
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
    private readonly snapshot: () => ShownSnapshot,
  ) {
    this.help = definition.help;
    this.type = definition.type;
  }

  async get() {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values: this.lines() };
  }

  /** Called by `registry.resetMetrics()`; the numbers are the cache's, which goes on counting. */
  reset(): void {}

  private lines(): readonly Line[] {
    const { name, definition } = this;
    if (definition.type !== 'histogram') return definition.read(this.snapshot());
    return definition.read(this.snapshot()).flatMap((sample) => histogram(name, sample));
  }
}

/** The lines of one histogram; a time of a snapshot is ms, of a metric seconds. */
function histogram(name: string, { labels, times }: TimeSample): Line[] {
  const { buckets, count, sumMs } = times;
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
