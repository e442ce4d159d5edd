import { randomUUID } from 'node:crypto';
import { InMemoryDecisionStore } from '../../adapters/memory/in-memory-decision-store.js';
import { DecisionWriter } from '../../core/decision/decision-writer.js';
import { DecisionCounters } from '../../core/decision/decision-metrics.js';
import type { DecisionLookup, DecisionStore } from '../../core/decision/decision-store.port.js';
import { DurableDecisions } from '../../core/decision/durable-decisions.js';
import { StoreGuard } from '../../core/decision/store-guard.js';
import type { ReadPolicy } from '../../core/engine/read-policy.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import { fullKey } from '../../core/keys/local-key.js';
import { resolvePolicy } from '../cache.options.js';
import type { CacheRuntime } from '../cache-runtime.js';
import { resolveDecisionCacheOptions, type DecisionCacheOptions } from './decision-cache.options.js';

/** A lookup in the durable tier that was answered, with what is needed to tell the store's time later. */
export interface TimedLookup extends DecisionLookup {
  /** Monotonic ms; not later than the store's clock was read. */
  readonly askedAt: number;
}

/** What is decided about decisions in an application: the tiers, the policy they are read by, what guards and counts them. */
export class DecisionTiers {
  readonly namespace: string;
  readonly scope: string;
  readonly store: DecisionStore;
  readonly guard: StoreGuard;
  readonly writer: DecisionWriter;
  readonly durable: DurableDecisions;
  readonly counters = new DecisionCounters();
  readonly policy: ReadPolicy;
  readonly pruneBatch: number;
  readonly storeTimeoutMs: number;
  private readonly under: string;
  private lastCount = 0;

  /** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID`, `LARDER_KEY_INVALID` naming the field */
  constructor(
    readonly runtime: CacheRuntime,
    given: DecisionCacheOptions,
  ) {
    const options = resolveDecisionCacheOptions(given);
    const { clock, namespace } = runtime;
    this.namespace = namespace;
    this.scope = options.scope;
    this.under = fullKey(options.scope, '');
    this.store = options.store ?? new InMemoryDecisionStore({ clock });
    assertShared(this.store, runtime.main.log.leased);
    this.storeTimeoutMs = options.storeTimeoutMs;
    this.pruneBatch = options.pruneBatch;
    this.guard = new StoreGuard(clock, options.storeTimeoutMs, (error) => this.report(error));
    const write: DecisionStore['write'] = (ns, writes) => this.guard.ask(() => this.store.write(ns, writes));
    this.writer = new DecisionWriter(write, namespace, clock, options.maxPendingWrites);
    this.durable = new DurableDecisions(this.store, this.guard, namespace, this.scope, this.under, randomUUID());
    runtime.invalidations.removesFrom(this.durable);
    const levels = [runtime.options.services?.[this.scope], runtime.options.defaults];
    const { policy, backend } = resolvePolicy(levels, 'DecisionCacheModule');
    assertMain(backend, runtime.main.name);
    this.policy = Object.freeze({
      ...policy,
      ttlMs: options.cacheTtlMs,
      graceMs: 0, // what has expired is shown as expired
      jitter: 0,
      hardTimeoutMs: options.factoryTimeoutMs,
      electionWaitMs: options.factoryTimeoutMs,
    });
  }

  /** The full key of a decision in the caches in front. */
  keyOf = (veriKey: string): string => this.under + veriKey;

  /** Asks the durable tier; `null`: it is away. */
  async lookUp(veriKey: string): Promise<TimedLookup | null> {
    const askedAt = this.runtime.clock.monotonic();
    try {
      return { ...(await this.guard.ask(() => this.store.find(this.namespace, veriKey))), askedAt };
    } catch {
      return null; // reported by the guard
    }
  }

  /** What is left of a life that ends at an instant of the store's clock, ms; by the own clock where the store was away. */
  lifeUntil(expiresAt: Date, lookup: TimedLookup | null): number {
    const { clock } = this.runtime;
    if (lookup === null) return expiresAt.getTime() - clock.wall();
    return expiresAt.getTime() - (lookup.mark.storeTimeMs + clock.monotonic() - lookup.askedAt);
  }

  /** Entries in the durable tier, those that wait to be written included; as last known where it is away. */
  async count(): Promise<number> {
    await this.writer.flush();
    try {
      this.lastCount = await this.guard.ask(() => this.store.count(this.namespace));
    } catch {
      // reported by the guard; the figure is as old as the outage
    }
    return this.lastCount;
  }

  /** Whether the durable tier answers at this moment, whatever it did before. */
  probe(): Promise<boolean> {
    const { clock } = this.runtime;
    return new Promise((resolve) => {
      const timer = clock.schedule(this.storeTimeoutMs, () => resolve(false));
      this.store
        .probe()
        .then(
          () => resolve(true),
          () => resolve(false),
        )
        .finally(() => timer.cancel());
    });
  }

  private report(error: unknown): void {
    const { logger, cacheLog } = this.runtime;
    if (error === null) logger.log('The durable tier of decisions answers again');
    else cacheLog.warn('decision store', AWAY, error);
  }
}

const AWAY =
  'The durable tier of decisions is away; what is in the caches in front is served, the rest is decided anew.';

/** What one process holds for itself would outlive its invalidation by another. */
function assertShared(store: DecisionStore, leased: boolean): void {
  if (!leased || store.shared) return;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    'Expected `store` of DecisionCacheModule to be one that all instances share, since the backend is shared, got one of this process alone. Give `typeormDecisions({ dataSource })`.',
  );
}

/** Decisions, their durable tier and their invalidations belong together. */
function assertMain(backend: string | undefined, main: string): void {
  if (backend === undefined || backend === main) return;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected decisions to be kept in the main backend '${main}', got ${describeInput(backend)}. Leave \`backend\` of their scope out.`,
  );
}
