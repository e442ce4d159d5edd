import type { Tracing } from '../core/events/tracing.js';
import { CacheError, describeInput } from '../core/errors/cache-error.js';
import type { MetricsExporter } from '../core/metrics/metrics-snapshot.js';

/**
 * The exporters of the option `metrics`.
 *
 * @throws CacheError `LARDER_OPTION_INVALID`
 */
export function metricsExportersOf(
  metrics: MetricsExporter | readonly MetricsExporter[] | undefined,
): readonly MetricsExporter[] {
  const exporters = metrics === undefined ? [] : isList(metrics) ? metrics : [metrics];
  for (const exporter of exporters) {
    const { start, stop } = (exporter ?? {}) as Partial<MetricsExporter>;
    if (typeof start === 'function' && typeof stop === 'function') continue;
    throw invalid(`exporters, got ${describeInput(exporter)}`, 'Write e.g. `[prometheus(), opentelemetry()]`.');
  }
  if (new Set(exporters).size < exporters.length) throw invalid('each exporter once, got one twice', 'Leave it out.');
  return exporters;
}

/**
 * What makes the spans; `null`: nothing is traced.
 *
 * @throws CacheError `LARDER_OPTION_INVALID` where several exporters would
 */
export function tracingOf(exporters: readonly MetricsExporter[]): Tracing | null {
  const brought = exporters.map(({ tracing }) => tracing ?? null).filter((tracing) => tracing !== null);
  if (brought.length < 2) return brought[0] ?? null;
  throw invalid(`one exporter that makes spans, got ${brought.length}`, 'Say `traces: false` for all but one.');
}

function isList(metrics: MetricsExporter | readonly MetricsExporter[]): metrics is readonly MetricsExporter[] {
  return Array.isArray(metrics);
}

function invalid(expected: string, cure: string): CacheError {
  return new CacheError('LARDER_OPTION_INVALID', `Expected \`metrics\` to hold ${expected}. ${cure}`);
}
