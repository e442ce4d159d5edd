import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { assertDecisionEntry, assertVeriKey, type DecisionEntry } from '../../core/decision/decision-entry.js';
import type { DecisionMetrics } from '../../core/decision/decision-metrics.js';
import { removalOf } from '../../core/decision/decision-removal.js';
import { DecisionResult } from '../../core/decision/decision-result.js';
import {
  assertInvalidationRequest,
  type InvalidationRequest,
  type InvalidationResult,
} from '../../core/decision/invalidation-request.js';
import { bindDataSource } from '../durability/bind-data-source.js';
import { CacheRuntime } from '../cache-runtime.js';
import { untilAborted } from './cancellation.js';
import type { DecisionCacheOptions } from './decision-cache.options.js';
import { DecisionLookups, type DecisionFactory } from './decision-lookups.js';
import { provenanceOf, type DecisionProvenance } from './decision-provenance.js';
import { DecisionRemovals } from './decision-removals.js';
import { DecisionTiers } from './decision-tiers.js';

/** The injection token of the module's options. */
export const DECISION_OPTIONS = Symbol.for('nestjs-larder:decision-options');

/** Who is named in the audit where nobody is. */
const NOBODY = 'unknown';

/**
 * Decisions with their provenance, in memory, in the shared tier and in a durable one. Every operation takes a signal as its
 * last argument: when it is aborted the caller's wait ends with the signal's reason. What others may wait for goes on: a
 * factory under way, a write, an invalidation; pruning stops behind the step it is at.
 */
@Injectable()
export class DecisionCacheService implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  private readonly tiers: DecisionTiers;
  private readonly lookups: DecisionLookups;
  private readonly removals: DecisionRemovals;

  constructor(
    private readonly runtime: CacheRuntime,
    private readonly discovery: DiscoveryService,
    @Inject(DECISION_OPTIONS) options: DecisionCacheOptions,
  ) {
    this.tiers = new DecisionTiers(runtime, options);
    this.lookups = new DecisionLookups(this.tiers);
    this.removals = new DecisionRemovals(this.tiers);
  }

  /**
   * Looks a decision up. Waits for no factory, neither here nor elsewhere, and never rejects because a tier is away: what
   * cannot be reached is a miss.
   *
   * @param bypassCache look at nothing: the result is `Bypassed`
   * @throws CacheError `LARDER_DECISION_INVALID`, or the signal's reason
   */
  async get<Decision = unknown>(
    veriKey: string,
    bypassCache = false,
    signal?: AbortSignal,
  ): Promise<DecisionResult<Decision>> {
    signal?.throwIfAborted();
    assertVeriKey(veriKey);
    this.tiers.counters.requested();
    if (bypassCache) return DecisionResult.bypassed();
    return (await untilAborted(this.lookups.get(veriKey), signal)) as DecisionResult<Decision>;
  }

  /**
   * Keeps a decision in place of what is kept under its key; the last writer wins.
   *
   * @returns whether it is kept; `false` where the durable tier is away or the decision cannot be kept (too large, a function)
   * @throws CacheError `LARDER_DECISION_INVALID`, or the signal's reason
   */
  async set(entry: DecisionEntry, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    assertDecisionEntry(entry);
    return untilAborted(this.lookups.keep(entry, null), signal);
  }

  /**
   * The decision that is kept, or the one that the factory makes, which is then kept. Everybody who asks for it at the same
   * time, on whatever instance, shares one call of a factory. Inside a database transaction the factory runs and nothing is
   * kept, for what it reads is nobody else's truth yet.
   *
   * @param bypassCache decide anew, whatever is kept, and replace it
   * @throws what the factory throws, unchanged; CacheError `LARDER_DECISION_INVALID` for an entry of another key; or the signal's reason
   */
  async getOrCompute<Decision = unknown>(
    veriKey: string,
    factory: DecisionFactory<Decision>,
    bypassCache = false,
    signal?: AbortSignal,
  ): Promise<DecisionEntry<Decision>> {
    signal?.throwIfAborted();
    assertVeriKey(veriKey);
    this.tiers.counters.requested();
    return (await untilAborted(this.compute(veriKey, factory, bypassCache), signal)) as DecisionEntry<Decision>;
  }

  /**
   * Removes one decision, from every tier of every instance.
   *
   * @param reason for the audit. @default ''
   * @returns whether there was one
   * @throws CacheError `LARDER_INVALIDATION_FAILED` when it was not removed everywhere; it is then being repeated (G7)
   */
  async invalidate(veriKey: string, reason: string | null = null, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    assertVeriKey(veriKey);
    const order = { reason: reason ?? '', actor: NOBODY };
    const { removed } = await untilAborted(this.removals.remove({ kind: 'key', veriKey }, order), signal);
    return removed > 0;
  }

  /**
   * Removes the decisions that a criterion names, from every tier of every instance. In a database transaction with an
   * outbox the removal is recorded with it and carried out with its commit: nothing is affected, or logged, when this
   * resolves.
   *
   * @throws CacheError `LARDER_DECISION_INVALID`, `LARDER_PATTERN_INVALID`, `LARDER_PATTERN_TOO_LONG` for the request;
   *   `LARDER_INVALIDATION_FAILED` when it was not carried out everywhere; it is then being repeated (G7)
   */
  async invalidateBy(request: InvalidationRequest, signal?: AbortSignal): Promise<InvalidationResult> {
    signal?.throwIfAborted();
    assertInvalidationRequest(request);
    const order = { reason: request.reason ?? '', actor: request.actor ?? NOBODY };
    const removal = removalOf(request);
    const work = removal === null ? this.removals.prune(order, signal) : this.removals.remove(removal, order);
    const { removed, at, wasLogged } = await untilAborted(work, signal);
    return { entriesAffected: removed, request, timestamp: new Date(at), wasLogged };
  }

  /** The numbers of this process, and how the tiers are at this moment. Never rejects because a tier is away. */
  async getMetrics(signal?: AbortSignal): Promise<DecisionMetrics> {
    signal?.throwIfAborted();
    const { runtime, tiers } = this;
    const collected = Promise.all([tiers.count(), tiers.probe()]);
    const [currentEntryCount, postgresRepositoryHealthy] = await untilAborted(collected, signal);
    const { log, backend } = runtime.main;
    const valkeyCacheHealthy = log.health().state === 'live' && backend?.available() !== false;
    const collectedAt = new Date(runtime.clock.wall());
    return tiers.counters.metrics({
      currentEntryCount,
      valkeyCacheHealthy,
      postgresRepositoryHealthy,
      collectedAt,
    });
  }

  /**
   * Removes what has expired. Live decisions stay.
   *
   * @returns how many distinct decisions went
   * @throws CacheError `LARDER_INVALIDATION_FAILED` where the durable tier is away, or the signal's reason
   */
  async pruneExpired(signal?: AbortSignal): Promise<number> {
    signal?.throwIfAborted();
    const { removed } = await untilAborted(this.removals.prune(null, signal), signal);
    return removed;
  }

  /**
   * Why a key is answered as it is: the decision that stands, its policy, signers, epoch and inputs; those before it, and who
   * invalidated them, as the audit has it.
   *
   * @throws CacheError `LARDER_DECISION_INVALID`; what the store throws where it is away; or the signal's reason
   */
  async provenance(veriKey: string, signal?: AbortSignal): Promise<DecisionProvenance> {
    signal?.throwIfAborted();
    assertVeriKey(veriKey);
    return untilAborted(provenanceOf(this.tiers, this.lookups, veriKey), signal);
  }

  /** The application's time, for decisions that are made now. */
  now(): Date {
    return new Date(this.runtime.clock.wall());
  }

  /** @throws what the store throws for a database or a schema that it cannot work with */
  async onModuleInit(): Promise<void> {
    bindDataSource(this.discovery, [this.tiers.store]);
    await this.tiers.store.open();
  }

  /** What waits to be written is written while the database is still there. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.tiers.writer.flush();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.tiers.store.close();
  }

  private compute(veriKey: string, factory: DecisionFactory, anew: boolean): Promise<DecisionEntry> {
    if (this.runtime.durable.inTransaction()) return this.lookups.computeOnly(veriKey, factory);
    return anew ? this.lookups.computeAnew(veriKey, factory) : this.lookups.getOrCompute(veriKey, factory);
  }
}
