import { Injectable } from '@nestjs/common';
import type { BackendFigures } from '../core/coherence/backend-figures.js';
import type { LogHealth } from '../core/coherence/invalidation-log.port.js';
import type { CacheStack } from './backends/cache-stack.js';
import { figuresOf } from './backends/figures-of.js';
import { CacheRuntime } from './cache-runtime.js';

/** The state of one backend. */
export interface BackendHealth {
  /** What the configuration calls it. */
  readonly name: string;
  readonly tiers: readonly string[];
  readonly log: LogHealth;
  /** Whether the shared tier answers, and what it tells of itself; `null` where there is none. */
  readonly backend: { readonly name: string; readonly available: boolean; readonly figures: BackendFigures } | null;
}

/** The cache's state as data; what a health check shows and decides by. Holds no keys, values or credentials. */
export interface CacheHealthReport extends Omit<BackendHealth, 'name'> {
  /**
   * `degraded`: methods work, but a shared tier is away or an invalidation is waiting. Settings of the server that
   * weaken a guarantee stand in `log.warnings` and degrade nothing.
   */
  readonly status: 'up' | 'degraded';
  readonly namespace: string;
  /** The backends beside the main one, of which the rest tells. */
  readonly otherBackends: readonly BackendHealth[];
  /** Invalidations that could not be applied yet and are being repeated. */
  readonly pendingInvalidations: number;
  /** Dead rows of the outbox, as far as this process knows; `null` where there is no outbox. */
  readonly deadLetters: number | null;
  /** Audit records that could not be written since start. */
  readonly auditFailures: number;
  /** Of all backends together. */
  readonly memory: { readonly entries: number; readonly bytes: number };
  readonly loadsUnderWay: number;
}

/** Tells how the cache is; asks nobody, so it answers at once whatever is down. */
@Injectable()
export class CacheHealth {
  constructor(private readonly runtime: CacheRuntime) {}

  report(): CacheHealthReport {
    const { namespace, invalidations, durable, audit, cacheLog } = this.runtime;
    const stacks = this.runtime.backends.all();
    const [main, ...otherBackends] = stacks.map((stack) => healthOf(stack, figuresOf(stack, cacheLog))) as [
      BackendHealth,
      ...BackendHealth[],
    ];
    const { tiers, log, backend } = main;
    const deadLetters = durable.outbox === null ? null : durable.deadLetters;
    const pendingInvalidations = invalidations.pendingCount;
    const sound = pendingInvalidations === 0 && (deadLetters ?? 0) === 0 && [main, ...otherBackends].every(isSound);
    const stores = stacks.map(({ engine }) => engine.local.store);
    return {
      status: sound ? 'up' : 'degraded',
      namespace,
      tiers,
      log,
      backend,
      otherBackends,
      pendingInvalidations,
      deadLetters,
      auditFailures: audit.failed,
      memory: {
        entries: stores.reduce((sum, { size }) => sum + size, 0),
        bytes: stores.reduce((sum, { bytes }) => sum + bytes, 0),
      },
      loadsUnderWay: stacks.reduce((sum, { engine }) => sum + engine.loadsUnderWay, 0),
    };
  }
}

/** True while a backend is current and answers. */
export function isSound({ log, backend }: Pick<BackendHealth, 'log' | 'backend'>): boolean {
  return log.state === 'live' && backend?.available !== false;
}

function healthOf({ name, tiers, log, backend }: CacheStack, figures: BackendFigures): BackendHealth {
  return {
    name,
    tiers,
    log: log.health(),
    backend: backend === null ? null : { name: backend.name, available: backend.available(), figures },
  };
}
