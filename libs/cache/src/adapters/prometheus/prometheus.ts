import { register, type Metric, type Registry } from 'prom-client';
import { withFoldedActions } from '../../core/metrics/fold-actions.js';
import { METRIC_DEFINITIONS } from '../../core/metrics/metric-definitions.js';
import type { CacheMetricsSnapshot, MetricsExporter } from '../../core/metrics/metrics-snapshot.js';
import {
  resolvePrometheusOptions,
  type PrometheusOptions,
  type ResolvedPrometheusOptions,
} from './prometheus.options.js';
import { SnapshotMetric } from './snapshot-metric.js';

/**
 * Shows the cache's numbers through prom-client: `CacheModule.forRoot({ metrics: prometheus() })`. They are read when the
 * registry is scraped; between scrapes nothing happens. Labels are names of the program and fixed words, never keys.
 *
 * @throws CacheError `LARDER_OPTION_INVALID` naming the field
 */
export function prometheus(options: PrometheusOptions = {}): MetricsExporter {
  return new PrometheusExporter(options.registry ?? register, resolvePrometheusOptions(options));
}

class PrometheusExporter implements MetricsExporter {
  private registered: readonly string[] = [];

  constructor(
    private readonly registry: Registry,
    private readonly options: ResolvedPrometheusOptions,
  ) {}

  start(read: () => CacheMetricsSnapshot): void {
    const { prefix, maxActions } = this.options;
    const scrape = () => withFoldedActions(read(), maxActions);
    const metrics = METRIC_DEFINITIONS.map(
      (definition) => new SnapshotMetric(prefix + definition.name, definition, scrape),
    );
    // The registry asks a metric for its name and its values and nothing else; its types name its own classes only.
    for (const metric of metrics) this.registry.registerMetric(metric as unknown as Metric);
    this.registered = metrics.map(({ name }) => name);
  }

  stop(): void {
    for (const name of this.registered) this.registry.removeSingleMetric(name);
    this.registered = [];
  }
}
