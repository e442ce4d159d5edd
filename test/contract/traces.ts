import { context, trace, type Tracer } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { AsyncContextManager } from './async-context-manager.js';

/** A span as a test looks at it. */
export interface SeenSpan {
  readonly name: string;
  /** The name of the span above; `null`: it has none. */
  readonly below: string | null;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
}

const FAILED = 2;

/** The real SDK, with its exporter in memory. */
export class Traces {
  private readonly exporter = new InMemorySpanExporter();
  private readonly provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.exporter)] });
  readonly tracer: Tracer = this.provider.getTracer('test');

  /** Contexts are kept by the process, so one test file does this once. */
  static keepContexts(): void {
    context.setGlobalContextManager(new AsyncContextManager());
  }

  static dropContexts(): void {
    context.disable();
  }

  /** Runs work below a span of the application. */
  async below<T>(name: string, work: () => Promise<T>): Promise<T> {
    const span = this.tracer.startSpan(name);
    try {
      return await context.with(trace.setSpan(context.active(), span), work);
    } finally {
      span.end();
    }
  }

  /** In the order in which they ended; forgotten then. */
  take(): SeenSpan[] {
    const spans = this.exporter.getFinishedSpans();
    const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]));
    this.exporter.reset();
    return spans.map(({ name, parentSpanContext, attributes, status }) => ({
      name,
      below: parentSpanContext === undefined ? null : (names.get(parentSpanContext.spanId) ?? 'unknown'),
      attributes,
      failed: status.code === FAILED,
    }));
  }

  /** Everything that the SDK would send. */
  text(): string {
    return JSON.stringify(
      this.exporter.getFinishedSpans().map(({ name, attributes, events, status, links }) => ({
        name,
        attributes,
        events,
        status,
        links,
      })),
    );
  }

  close(): Promise<void> {
    return this.provider.shutdown();
  }
}
