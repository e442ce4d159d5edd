import { context, SpanStatusCode, trace, type Attributes, type Span, type Tracer } from '@opentelemetry/api';
import type { OpenSpan, SpanFacts, SpanName, Tracing } from '../../core/events/tracing.js';

/**
 * The cache's spans. The parent is the current span of the async context in which the cache was called. Of an error they tell
 * its class and, where it has one, its code: its message is text of the application, or of a server, and may hold anything.
 */
export class SpanTracing implements Tracing {
  constructor(private readonly tracer: Tracer) {}

  begin(name: SpanName, facts: SpanFacts): OpenSpan {
    return new OpenedSpan(this.start(name, facts));
  }

  async inside<T>(name: SpanName, facts: SpanFacts, work: (span: OpenSpan) => T | Promise<T>): Promise<T> {
    const span = this.start(name, facts);
    try {
      return await context.with(trace.setSpan(context.active(), span), () => work(new OpenedSpan(span)));
    } catch (error) {
      span.setAttributes({ 'larder.outcome': 'failed', 'error.type': kindOf(error) });
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  }

  private start(name: SpanName, facts: SpanFacts): Span {
    return this.tracer.startSpan(`larder.${name}`, { attributes: attributesOf(facts) });
  }
}

class OpenedSpan implements OpenSpan {
  constructor(private readonly span: Span) {}

  set(facts: SpanFacts): void {
    this.span.setAttributes(attributesOf(facts));
  }

  end(): void {
    this.span.end();
  }
}

function attributesOf(facts: SpanFacts): Attributes {
  return Object.fromEntries(Object.entries(facts).map(([field, value]) => [`larder.${field}`, value]));
}

/** A word of a program: what else stands in a field of that name is not shown. */
const WORD = /^[A-Za-z_$][\w$.-]{0,63}$/;

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as { code?: unknown };
  const words = [code, error.constructor?.name, error.name];
  return words.find((word): word is string => typeof word === 'string' && WORD.test(word)) ?? 'Error';
}
