import type { Clock } from '../clock/clock.port.js';
import { resolveCodecOptions, type ResolvedCodecOptions } from '../codec/codec.options.js';
import { encodeEnvelope } from '../codec/envelope.js';
import type { CacheBackend } from '../coherence/cache-backend.port.js';
import type { InvalidationLog, LogListener } from '../coherence/invalidation-log.port.js';
import { CachedAction, type ActionDefinition } from './cached-action.js';
import { CachedManyAction, type ManyDefinition } from './cached-many.js';
import { Deadlines } from './deadlines.js';
import { EngineEvents } from './engine.events.js';
import { snapshot } from './isolation.js';
import type { ResolvedMemoryOptions } from './l1.options.js';
import { LocalTier } from './local-tier.js';
import { surveyKeys, surveyMatches, type MatchSurvey } from './match-survey.js';
import type { ReadPolicy } from './read-policy.js';
import type { ReadRequest } from './read-request.js';
import { ReadCounterRegistry } from './read-counters.js';
import { ReadRoad } from './read-road.js';
import { SharedTierReader } from './shared-tier-reader.js';
import type { Tracing } from '../events/tracing.js';

/** What an engine is made of. */
export interface EngineParts {
  readonly clock: Clock;
  readonly log: InvalidationLog;
  /** `null`: memory is the only tier. */
  readonly backend: CacheBackend | null;
  readonly memory: ResolvedMemoryOptions;
  /** @default those of CodecOptions */
  readonly codec?: ResolvedCodecOptions;
  /** In [0, 1); for jitter. */
  readonly random: () => number;
  /** True while the caller is inside a database transaction; such calls go past the cache. */
  readonly bypass?: (() => boolean) | null;
  /** @default null: nothing is traced */
  readonly tracing?: Tracing | null;
  /** Names the shared tier in hits, logs and metrics. @default the backend's name */
  readonly tierName?: string | undefined;
  /** Which part of the application the running code belongs to, where memory is kept apart by that. @default the backend's */
  readonly compartment?: (() => string | null) | null;
  /** Where it announces what happens; engines of one application share it. @default its own */
  readonly events?: EngineEvents;
  /** Where it counts reads; engines of one application share it. @default its own */
  readonly counters?: ReadCounterRegistry;
}

/** What is known of an entry in memory; never its value. */
export interface EntryFacts {
  readonly tags: readonly string[];
  readonly ageMs: number;
  /** What is left of its fresh life, ms; negative: expired. */
  readonly freshMs: number;
  /** What is left of its life, grace included, ms. */
  readonly keepMs: number;
  readonly bytes: number;
  readonly servable: boolean;
}

/**
 * The cache of one namespace. Lookup order: memory, then the shared tier if there is one, then one load for all who wait,
 * then the method; see `ReadRoad` for why the order is what it is. Invalidations arrive from the log through the
 * listener given to `open` and take effect in `local`.
 */
export class CacheEngine {
  readonly events: EngineEvents;
  readonly counters: ReadCounterRegistry;
  private readonly road: ReadRoad;
  private readonly deadlines: Deadlines;
  private readonly codec: ResolvedCodecOptions;
  private readonly apart: (() => string | null) | null;
  private readonly bypass: (() => boolean) | null;

  constructor(
    private readonly parts: EngineParts,
    readonly local: LocalTier = new LocalTier(parts.memory, parts.log, parts.clock),
  ) {
    const { backend, log, clock, random, tracing = null } = parts;
    this.events = parts.events ?? new EngineEvents();
    this.counters = parts.counters ?? new ReadCounterRegistry();
    this.deadlines = new Deadlines(clock);
    const apart = parts.compartment ?? backend?.compartment ?? null;
    const bypass = parts.bypass ?? null;
    this.apart = apart;
    this.bypass = apart === null ? bypass : () => apart() === null || bypass?.() === true;
    this.codec = parts.codec ?? resolveCodecOptions();
    const { codec, events, deadlines } = this;
    const shared =
      backend === null ? null : new SharedTierReader(backend, clock, events, deadlines, codec, tracing, parts.tierName);
    this.road = new ReadRoad(this.local, shared, log, clock, this.events, this.deadlines, random, tracing);
  }

  /** The same memory under the same log, whose reads and stores go past the shared tier. It is neither opened nor closed. */
  pastSharedTier(): CacheEngine {
    const { apart: compartment, events, counters } = this;
    return new CacheEngine({ ...this.parts, backend: null, compartment, events, counters }, this.local);
  }

  /** Starts following the log and opens the shared tier. Resolves also where those are unreachable (G6). */
  async open(listener: LogListener): Promise<void> {
    await Promise.all([this.parts.log.open(listener), this.parts.backend?.open()]);
  }

  /** Compiles a cached action. */
  action(definition: ActionDefinition): CachedAction {
    const { clock } = this.parts;
    const counters = this.counters.of(definition.scope, definition.name);
    const { keyOf } = definition;
    const apart = {
      ...definition,
      keyedByArguments: false,
      keyOf: (args: readonly unknown[]) => this.placed(keyOf(args)),
    };
    const compiled = this.apart === null ? definition : apart;
    return new CachedAction(compiled, counters, this.local, this.road, clock, this.events, this.bypass);
  }

  /** Compiles a cached bulk action. */
  manyAction(definition: ManyDefinition): CachedManyAction {
    const counters = this.counters.of(definition.scope, definition.name);
    const { tracing = null } = this.parts;
    const { keyOf } = definition;
    const apart = {
      ...definition,
      keyOf: (id: unknown, rest: readonly unknown[]) => this.placed(keyOf(id, rest)),
    };
    const compiled = this.apart === null ? definition : apart;
    return new CachedManyAction(compiled, counters, this.road, this.events, this.bypass, tracing);
  }

  /** Reads by a ready-made key; past the cache for a caller inside a database transaction, as the actions do. */
  read(request: ReadRequest): Promise<unknown> {
    if (this.bypass !== null && this.bypass()) return this.past(request);
    return this.road.read(this.apart === null ? request : { ...request, key: this.placed(request.key) });
  }

  /** What memory holds for a key and may be served to this caller, without loading; `undefined` where nothing is. */
  peek(key: string): { readonly value: unknown } | undefined {
    if (this.bypass !== null && this.bypass()) return undefined;
    const entry = this.local.fresh(this.placed(key), this.parts.clock.monotonic());
    return entry === undefined ? undefined : { value: this.local.handOut(entry) };
  }

  /**
   * Stores a value outright; the last writer wins. Loads of the key under way are fenced, so none of them can undo it.
   * `false`: what is stored is of a newer version of the source, and stays; or the value is too large for memory.
   * @throws CacheError `LARDER_VALUE_UNCACHEABLE`, or what the shared tier raises when the value is not stored (G7)
   */
  async set(localKey: string, value: unknown, tags: readonly string[], policy: ReadPolicy): Promise<boolean> {
    const key = this.placed(localKey);
    const copy = snapshot(value, policy.isolation);
    const { backend, clock } = this.parts;
    const keepMs = policy.ttlMs + policy.graceMs;
    if (backend !== null) {
      const envelope = { value, freshMs: policy.ttlMs, graceMs: policy.graceMs, createdAt: clock.wall() };
      const stored = await backend.put(key, {
        payload: encodeEnvelope(envelope, this.codec),
        tags,
        freshMs: policy.ttlMs,
        keepMs,
      });
      if (stored) this.local.invalidateKey(key);
      return stored;
    }
    if (this.local.outdated(key, tags)) return false;
    this.local.invalidateKey(key);
    const entry = this.local.entry(key, copy, tags, policy.ttlMs, keepMs);
    return this.local.install(entry, this.local.fence.mark()) === 'installed';
  }

  /** What is known of a key in memory. */
  inspect(key: string): EntryFacts | null {
    const entry = this.local.store.get(this.placed(key));
    if (entry === undefined) return null;
    const now = this.parts.clock.monotonic();
    return {
      tags: entry.tags,
      ageMs: now - entry.madeAt,
      freshMs: entry.freshUntil - now,
      keepMs: entry.keepUntil - now,
      bytes: entry.bytes,
      servable: this.local.servable(entry, now),
    };
  }

  /** What an invalidation by predicate would find in memory; keys are listed up to `maxKeys`. Touches nothing. */
  surveyMatches(matches: (key: string) => boolean, maxKeys: number, budgetMs?: number): Promise<MatchSurvey> {
    return surveyMatches(this.local, this.parts.clock, matches, maxKeys, budgetMs);
  }

  /** What an invalidation of these keys would find in memory. Touches nothing. */
  surveyKeys(keys: Iterable<string>, maxKeys: number): MatchSurvey {
    return surveyKeys(this.local, keys, maxKeys);
  }

  /** True while a load of the key is in the air, which a reader would wait for. */
  loading(key: string): boolean {
    return this.road.loading(this.placed(key));
  }

  private async past(request: ReadRequest): Promise<unknown> {
    const { scope, action, key } = request;
    request.counters.bypassed += 1;
    request.onAnswered?.('source');
    if (this.events.has('read'))
      this.events.emit('read', { scope, action, key, outcome: 'bypassed', tier: 'source', ttlMs: 0 });
    return request.load();
  }

  /** A key as it stands in the compartment of the running code. */
  private placed(key: string): string {
    return this.apart === null ? key : (this.apart() ?? '') + key;
  }

  /** Loads in the air. */
  get loadsUnderWay(): number {
    return this.road.loadsUnderWay;
  }

  /** Stops following and gives the memory back; reads made later run their method. */
  async close(): Promise<void> {
    this.local.close();
    this.deadlines.rest();
    await Promise.all([this.parts.log.close(), this.parts.backend?.close()]);
  }
}
