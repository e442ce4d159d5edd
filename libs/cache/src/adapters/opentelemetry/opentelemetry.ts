import { metrics, trace, type Meter } from '@opentelemetry/api';
import type { Tracing } from '../../core/events/tracing.js';
import type { CacheMetricsSnapshot, FollowMeasurements, MetricsExporter } from '../../core/metrics/metrics-snapshot.js';
import { Instruments } from './instruments.js';
import {
  resolveOpentelemetryOptions,
  type OpentelemetryOptions,
  type ResolvedOpentelemetryOptions,
} from './opentelemetry.options.js';
import { SpanTracing } from './span-tracing.js';

const LIBRARY = 'nestjs-larder';

/**
 * Shows the cache to OpenTelemetry: `CacheModule.forRoot({ metrics: opentelemetry() })`. Spans for loads, for what the shared
 * tier is asked, for invalidations and for what the outbox applies, below the span of who called; and the metrics that
 * `prometheus()` shows. A hit in memory makes no span. Names of the program and fixed words are shown, never keys or values.
 *
 * @throws CacheError `LARDER_OPTION_INVALID` naming the field
 */
export function opentelemetry(options: OpentelemetryOptions = {}): MetricsExporter {
  const resolved = resolveOpentelemetryOptions(options);
  const tracing = resolved.traces ? new SpanTracing(options.tracer ?? trace.getTracer(LIBRARY)) : null;
  return new OpentelemetryExporter(options.meter ?? null, tracing, resolved);
}

class OpentelemetryExporter implements MetricsExporter {
  private instruments: Instruments | null = null;

  constructor(
    private readonly meter: Meter | null,
    readonly tracing: Tracing | null,
    private readonly options: ResolvedOpentelemetryOptions,
  ) {}

  /** Only now is the global meter asked for: unlike a tracer, one that was taken before the SDK is there stays without effect. */
  start(read: () => CacheMetricsSnapshot, follow: FollowMeasurements): void {
    if (!this.options.metrics) return;
    this.instruments = new Instruments(this.meter ?? metrics.getMeter(LIBRARY), this.options, read, follow);
  }

  stop(): void {
    this.instruments?.remove();
    this.instruments = null;
  }
}
