import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { Inject, Injectable } from '@nestjs/common';
import { RefusalLog } from '../admin/refusal-log.js';
import { CacheRuntime } from '../cache-runtime.js';

/** What this instance has invalidated since it started, whoever asked and by whatever way. */
export interface InvalidationFigures {
  readonly totalInvalidations: number;
  /** Those by key alone. */
  readonly keyInvalidations: number;
  /** Those by pattern. */
  readonly patternInvalidations: number;
  readonly auditWrites: number;
  /** Invalidations handed to the log, from which every instance takes them. */
  readonly publishes: number;
  /** Failed invalidations and failures of the audit store. */
  readonly errors: number;
  /** Requests that access, a rate limit or `canInvalidate` refused. */
  readonly refusals: number;
  /** How long invalidations took, ms, from the call until they stood in the log; `null` before the first. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number } | null;
}

/** Longer ones are counted as this, µs. */
const LONGEST_MICROS = 3_600_000_000;

/** Counts along the one road of removals. Memory is bounded: a histogram of three digits, whatever it has seen. */
@Injectable()
export class InvalidationStatistics {
  private total = 0;
  private byKey = 0;
  private byPattern = 0;
  private failures = 0;
  private readonly latency: RecordableHistogram = createHistogram({ lowest: 1, highest: LONGEST_MICROS, figures: 3 });

  constructor(
    @Inject(CacheRuntime) private readonly runtime: CacheRuntime,
    @Inject(RefusalLog) private readonly refusals: RefusalLog,
  ) {
    const { events } = runtime.invalidations;
    events.on('invalidated', ({ intents, latencyMs }) => {
      this.total += 1;
      if (intents.some(({ kind }) => kind === 'pattern')) this.byPattern += 1;
      else if (intents.length > 0 && intents.every(({ kind }) => kind === 'key')) this.byKey += 1;
      this.latency.record(Math.min(LONGEST_MICROS, Math.max(1, Math.round(latencyMs * 1000))));
    });
    events.on('failed', () => this.noteFailure());
  }

  /** Counts an invalidation that failed before its caller. */
  noteFailure(): void {
    this.failures += 1;
  }

  figures(): InvalidationFigures {
    const { audit } = this.runtime;
    const at = (percentile: number) => this.latency.percentile(percentile) / 1000;
    return {
      totalInvalidations: this.total,
      keyInvalidations: this.byKey,
      patternInvalidations: this.byPattern,
      auditWrites: audit.written,
      publishes: this.total,
      errors: this.failures + audit.failed,
      refusals: this.refusals.count,
      latencyMs: this.total === 0 ? null : { p50: at(50), p95: at(95), p99: at(99), max: this.latency.max / 1000 },
    };
  }
}
