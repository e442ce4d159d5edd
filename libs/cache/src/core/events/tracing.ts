/** What is traced. A hit in memory is not: it is over before a span of it would have begun. */
export type SpanName = 'load' | 'shared.read' | 'shared.fill' | 'invalidate' | 'outbox.apply';

/**
 * What a span tells, by field: names of the program, fixed words, numbers and request ids. Never a key, a value, or the text of
 * an error.
 */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** A span under way. */
export interface OpenSpan {
  /** Adds facts. */
  set(facts: SpanFacts): void;
  end(): void;
}

/**
 * Makes spans of what takes time. Decided at boot: where an application has none, nothing asks for it. An exporter of metrics
 * may bring one, as `opentelemetry()` does.
 */
export interface Tracing {
  /** Begins a span below that of the caller, which stays the current one: for what is answered by callback. */
  begin(name: SpanName, facts: SpanFacts): OpenSpan;
  /**
   * Runs `work` inside a span below that of the caller: spans that `work` makes stand below it. The span ends with the work and
   * is marked as failed where that throws. Errors pass unchanged.
   */
  inside<T>(name: SpanName, facts: SpanFacts, work: (span: OpenSpan) => T | Promise<T>): Promise<T>;
}

/** Runs a method inside a span. */
export function traceLoad<T>(tracing: Tracing, facts: SpanFacts, load: () => T | Promise<T>): Promise<T> {
  return tracing.inside('load', facts, async (span) => {
    const loaded = await load();
    span.set({ outcome: 'returned' });
    return loaded;
  });
}
