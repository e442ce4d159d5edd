import { Injectable } from '@nestjs/common';
import type { LogHealth } from '../core/coherence/invalidation-log.port.js';
import { CacheRuntime } from './cache-runtime.js';

/** The cache's state as data; what a health check shows and decides by. Holds no keys, values or credentials. */
export interface CacheHealthReport {
  /**
   * `degraded`: methods work, but the shared tier is away or an invalidation is waiting. Settings of the server that
   * weaken a guarantee stand in `log.warnings` and degrade nothing.
   */
  readonly status: 'up' | 'degraded';
  readonly namespace: string;
  readonly tiers: readonly string[];
  readonly log: LogHealth;
  /** Whether the shared tier answers; `null` where there is none. */
  readonly backend: { readonly name: string; readonly available: boolean } | null;
  /** Invalidations that could not be applied yet and are being repeated. */
  readonly pendingInvalidations: number;
  /** Dead rows of the outbox, as far as this process knows; `null` where there is no outbox. */
  readonly deadLetters: number | null;
  /** Audit records that could not be written since start. */
  readonly auditFailures: number;
  readonly memory: { readonly entries: number; readonly bytes: number };
  readonly loadsUnderWay: number;
}

/** Tells how the cache is; asks nobody, so it answers at once whatever is down. */
@Injectable()
export class CacheHealth {
  constructor(private readonly runtime: CacheRuntime) {}

  report(): CacheHealthReport {
    const { namespace, tiers, log, backend, engine, invalidations, durable, audit } = this.runtime;
    const deadLetters = durable.outbox === null ? null : durable.deadLetters;
    const health = log.health();
    const pendingInvalidations = invalidations.pendingCount;
    const sound =
      health.state === 'live' &&
      pendingInvalidations === 0 &&
      (deadLetters ?? 0) === 0 &&
      backend?.available() !== false;
    return {
      status: sound ? 'up' : 'degraded',
      namespace,
      tiers,
      log: health,
      backend: backend === null ? null : { name: backend.name, available: backend.available() },
      pendingInvalidations,
      deadLetters,
      auditFailures: audit.failed,
      memory: { entries: engine.local.store.size, bytes: engine.local.store.bytes },
      loadsUnderWay: engine.loadsUnderWay,
    };
  }
}
