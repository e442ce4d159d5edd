import type { Clock } from '../clock/clock.port.js';
import type { StoredEntry } from '../coherence/cache-backend.port.js';
import { CacheError } from '../errors/cache-error.js';
import type { EngineEvents, ReadOutcome } from './engine.events.js';
import { snapshot, snapshotOfOwn, type Snapshot } from './isolation.js';
import type { L1Entry } from './l1-entry.js';
import type { FenceMark } from './local-fence.js';
import type { LocalTier } from './local-tier.js';
import { jitteredTtl } from './read-policy.js';
import type { ReadRequest } from './read-request.js';
import type { SharedTierHit, SharedTierPermit, SharedTierReader, TimelyAnswer } from './shared-tier-reader.js';
import { UNSHAREABLE, type Flight } from './single-flight.js';
import { traceLoad, type Tracing } from '../events/tracing.js';

/** How one read ended: what its caller gets, and what is announced of it. */
export interface Answer {
  readonly value: unknown;
  readonly outcome: ReadOutcome;
  readonly tier: string;
  readonly ttlMs: number;
}

/** What a leader brings home: its own answer, and what is in it for those who wait. */
export interface Fetched {
  readonly answer: Answer;
  /** `null`: the value cannot be shared. */
  readonly entry: L1Entry | null;
  /** `null`: it is unknown what would invalidate the value. */
  readonly tags: readonly string[] | null;
}

/** A load that has come home. */
interface Load {
  readonly startedAt: number;
  readonly tookMs: number;
  readonly freshMs: number;
}

/**
 * What a leader does once memory has nothing: a value of the shared tier is kept in memory; else the method runs, and
 * what it returns is stored behind permit and fence. The mark was taken, and the shared tier's position asked for, before
 * any of this (stamp first), so that nothing invalidated meanwhile is kept anywhere (G1, I9).
 */
export class FillRoad {
  constructor(
    private readonly local: LocalTier,
    private readonly shared: SharedTierReader | null,
    private readonly clock: Clock,
    private readonly events: EngineEvents,
    private readonly random: () => number,
    private readonly tracing: Tracing | null,
  ) {}

  /** Keeps what the shared tier holds, with the life that is left to it. `null`: it cannot be used. */
  keepShared(request: ReadRequest, mark: FenceMark, stored: StoredEntry): Fetched | null {
    const hit = this.shared!.decoded(stored);
    return hit && this.keepHit(request, mark, hit);
  }

  /** All that follows from the shared tier's first answer. Rejects with what the method throws, and with nothing else. */
  async goOn(
    request: ReadRequest,
    mark: FenceMark,
    first: TimelyAnswer | null,
    expected: ReadOutcome,
  ): Promise<Fetched> {
    let outcome = expected;
    const keepStale = (stale: SharedTierHit): void => {
      const entry = this.sharedEntry(request, mark, stale);
      if (entry !== null && this.local.install(entry, mark) === 'installed') outcome = 'expired';
    };
    const found = this.shared === null ? null : await this.shared.settle(request, first, keepStale);
    const kept = found?.kind === 'hit' ? this.keepHit(request, mark, found) : null;
    if (kept !== null) return kept;
    const permit = found?.kind === 'permit' ? found : null;
    this.local.journal.missed(request.key, mark, this.clock.monotonic(), this.shared !== null && found === null);

    const startedAt = this.clock.monotonic();
    let value: unknown;
    try {
      value = await this.run(request);
    } catch (error) {
      this.loaded(request, startedAt, true);
      this.release(request, permit);
      throw error;
    }
    const tookMs = this.loaded(request, startedAt, false);
    const copy = this.copyOf(request, value);
    const tags = copy === null ? null : this.tagsToKeep(request, value);
    if (copy === null) {
      this.release(request, permit);
      return { answer: { value, outcome, tier: 'source', ttlMs: 0 }, entry: null, tags };
    }
    const freshMs = jitteredTtl(request.policy, this.random());
    const entry = this.local.entry(request.key, copy, tags ?? [], freshMs, freshMs + request.policy.graceMs);
    let stored = false;
    if (tags === null) this.release(request, permit);
    else stored = await this.keep(request, mark, permit, entry, value, { startedAt, tookMs, freshMs });
    return { answer: { value, outcome, tier: 'source', ttlMs: stored ? freshMs : 0 }, entry, tags };
  }

  /** Runs the method for its own caller alone, counted and timed. Its errors pass unchanged. */
  async load(request: ReadRequest): Promise<unknown> {
    const startedAt = this.clock.monotonic();
    try {
      const value = await this.run(request);
      this.loaded(request, startedAt, false);
      return value;
    } catch (error) {
      this.loaded(request, startedAt, true);
      throw error;
    }
  }

  private run(request: ReadRequest): unknown {
    if (this.tracing === null || request.gathered === true) return request.load();
    const { scope, action } = request;
    return traceLoad(this.tracing, { scope, action }, () => request.load());
  }

  /** Counts a run of the method and says how long it took, ms. */
  private loaded({ counters }: ReadRequest, startedAt: number, failed: boolean): number {
    const tookMs = this.clock.monotonic() - startedAt;
    counters.loaded(failed);
    const { scope, action } = counters;
    if (this.events.has('loaded')) this.events.emit('loaded', { scope, action, tookMs, failed });
    return tookMs;
  }

  /** Tells those who wait for the flight, if anybody does. */
  land(flight: Flight, { entry, tags }: Fetched): void {
    flight.end();
    if (flight.awaited) flight.land(entry === null ? UNSHAREABLE : { handOut: () => this.local.handOut(entry), tags });
  }

  private keepHit(request: ReadRequest, mark: FenceMark, hit: SharedTierHit): Fetched | null {
    const entry = this.sharedEntry(request, mark, hit);
    if (entry === null) return null;
    if (this.local.install(entry, mark) === 'installed') request.onInstalled?.(entry);
    this.local.journal.filled(request.key, mark, hit.tags, entry.freshUntil, 'kept');
    const answer: Answer = { value: this.local.handOut(entry), outcome: 'hit', tier: hit.tier, ttlMs: hit.freshMs };
    return { answer, entry, tags: hit.tags };
  }

  /**
   * `null` counts as a value that the tier does not have: it cannot be kept apart from its callers, or it may be older than
   * an invalidation promised here that the tier has executed only since this read began, or not yet (G5).
   */
  private sharedEntry(request: ReadRequest, mark: FenceMark, hit: SharedTierHit): L1Entry | null {
    const { fence, promised } = this.local;
    if (promised.hit(request.key, hit.tags) || !fence.untouched(mark, request.key, hit.tags)) return null;
    try {
      const own = snapshotOfOwn(hit.value, request.policy.isolation);
      return this.local.entry(request.key, own, hit.tags, hit.freshMs, hit.keepMs);
    } catch (error) {
      this.trouble(request, 'value', error);
      return null;
    }
  }

  /** Stores what was loaded: in the shared tier by its permit, then here behind the fence. `false`: not kept. */
  private async keep(
    request: ReadRequest,
    mark: FenceMark,
    permit: SharedTierPermit | null,
    entry: L1Entry,
    value: unknown,
    load: Load,
  ): Promise<boolean> {
    if (load.tookMs > request.policy.hardTimeoutMs) return false;
    if (this.shared !== null) {
      const filled =
        permit === null ? 'failed' : await this.shared.fill(request, permit, value, entry.tags, load.freshMs);
      if (filled === 'refused') {
        this.events.emit('fenced', { key: request.key, tier: this.shared.name });
        this.local.journal.filled(request.key, mark, entry.tags, entry.freshUntil, 'fenced');
        return false;
      }
      if (filled === 'failed') this.grant(request, entry, load);
    } else if (!this.local.leaseLive(load.startedAt)) this.grant(request, entry, load); // the log is away
    const installation = this.local.install(entry, mark);
    const fate = installation === 'installed' ? 'kept' : installation === 'fenced' ? 'fenced' : 'not kept';
    this.local.journal.filled(request.key, mark, entry.tags, entry.freshUntil, fate);
    if (installation === 'fenced') this.events.emit('fenced', { key: request.key, tier: 'memory' });
    if (installation === 'too large') this.trouble(request, 'size', tooLarge(entry));
    if (installation !== 'installed') return false;
    request.onInstalled?.(entry);
    this.events.emit('stored', { key: request.key, loadMs: load.tookMs });
    return true;
  }

  /** Memory may serve what was loaded while the log is away, for as long as the policy allows. */
  private grant(request: ReadRequest, entry: L1Entry, { startedAt }: Load): void {
    this.local.grantWithoutLease(entry, startedAt, request.policy.degradedTtlMs);
  }

  /** `null` where the value cannot be copied (a stream, a function): it goes to its own caller and to nobody else. */
  private copyOf(request: ReadRequest, value: unknown): Snapshot | null {
    const { isolation } = request.policy;
    try {
      const copy = snapshot(value, isolation);
      // Memory shows what the other instances will get from the shared tier: every tier gives the same shape.
      return copy.classes && this.shared !== null ? snapshotOfOwn(this.shared.shapeOf(value), isolation) : copy;
    } catch (error) {
      this.trouble(request, 'value', error);
      return null;
    }
  }

  /** `null` where the value is not to be kept, or where it is unknown what would invalidate it. */
  private tagsToKeep(request: ReadRequest, value: unknown): readonly string[] | null {
    try {
      return request.unless?.(value) === true ? null : request.tagsOf(value);
    } catch (error) {
      this.trouble(request, 'tags', error);
      return null;
    }
  }

  private release(request: ReadRequest, permit: SharedTierPermit | null): void {
    if (permit !== null) this.shared!.release(request, permit);
  }

  private trouble(request: ReadRequest, operation: 'tags' | 'value' | 'size', error: unknown): void {
    this.events.emit('trouble', { operation, scope: request.scope, action: request.action, error });
  }
}

function tooLarge({ bytes }: L1Entry): CacheError {
  return new CacheError(
    'LARDER_VALUE_UNCACHEABLE',
    `Expected a value of at most a quarter of \`memory.maxBytes\`, got one of about ${bytes} bytes. Raise the bound, or return less.`,
  );
}
