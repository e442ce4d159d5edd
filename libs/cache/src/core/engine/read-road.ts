import type { Clock } from '../clock/clock.port.js';
import type { InvalidationLog } from '../coherence/invalidation-log.port.js';
import { CacheError } from '../errors/cache-error.js';
import type { EngineEvents, ReadOutcome } from './engine.events.js';
import { snapshot, type Snapshot } from './isolation.js';
import type { L1Entry } from './l1-entry.js';
import type { FenceMark } from './local-fence.js';
import type { LocalTier } from './local-tier.js';
import { jitteredTtl } from './read-policy.js';
import type { ReadRequest } from './read-request.js';
import type { SharedTierHit, SharedTierPermit, SharedTierReader } from './shared-tier-reader.js';
import { ABANDONED, SingleFlight, UNSHAREABLE, type Arrival, type Flight, type Landing } from './single-flight.js';

/** How one read ended: what its caller gets, and what is announced of it. */
interface Answer {
  readonly value: unknown;
  readonly outcome: ReadOutcome;
  readonly tier: string;
  readonly ttlMs: number;
}

interface Fetched {
  readonly answer: Answer;
  readonly landing: Landing | typeof UNSHAREABLE;
}

/** After so many loads that ran past their hard timeout a caller waits for no other: it runs the method itself. */
const PATIENCE_WITH_ABANDONED = 2;

const LATE = Symbol('late');

/**
 * The one road every read takes: memory → shared tier → single flight → method → fenced store.
 *
 * What makes it safe is order. The fence is marked and the shared tier's position is taken *before* the method runs
 * (stamp first), and the value is kept only if nothing it depends on was invalidated since: the permit decides in the
 * shared tier, the local fence in memory (G1, I9). Who joins another's load gets its value only if that load began after
 * the joiner arrived, or if nothing the value depends on was invalidated since it began (I10).
 *
 * Trouble of the cache never reaches the caller: it costs at most `softTimeoutMs` on top of the method's own time (G6).
 */
export class ReadRoad {
  private readonly flights: SingleFlight;

  constructor(
    private readonly local: LocalTier,
    private readonly shared: SharedTierReader | null,
    private readonly log: InvalidationLog,
    private readonly clock: Clock,
    private readonly events: EngineEvents,
    private readonly random: () => number,
  ) {
    this.flights = new SingleFlight(clock);
  }

  /** Loads in the air, for health and tests. */
  get loadsUnderWay(): number {
    return this.flights.size;
  }

  async read(request: ReadRequest): Promise<unknown> {
    const { key, policy } = request;
    const answer =
      this.fromMemory(key) ?? (await (policy.graceMs > 0 ? this.underGrace(request) : this.take(request, 'miss')));
    if (this.events.has('read')) {
      const { outcome, tier, ttlMs } = answer;
      this.events.emit('read', { scope: request.scope, action: request.action, key, outcome, tier, ttlMs });
    }
    return answer.value;
  }

  /**
   * The load under way that a caller who comes now may join without travelling the road itself: nothing has hit the key
   * since it began, and the caller's lease is live. A crowd on a cold key costs one promise each this way.
   */
  joinable(key: string): Flight | null {
    const flight = this.flights.find(key);
    if (flight === undefined || !this.local.fence.untouched(flight.mark, key, [])) return null;
    return this.log.leaseLive(this.clock.monotonic()) ? flight : null;
  }

  /** What such a caller gets of the load; `null`: it is too old for it, or cannot be shared, and the caller travels. */
  landingFor(flight: Flight, arrival: Arrival): Landing | null {
    if (arrival === ABANDONED || arrival === UNSHAREABLE) return null;
    return this.youngEnough(flight, arrival, flight.key) ? arrival : null;
  }

  private fromMemory(key: string): Answer | undefined {
    const now = this.clock.monotonic();
    const entry = this.local.fresh(key, now);
    if (entry === undefined) return undefined;
    return { value: this.local.handOut(entry), outcome: 'hit', tier: 'memory', ttlMs: entry.freshUntil - now };
  }

  /**
   * Everybody who asks while a value is expired but kept gets it as soon as the method proves slow or fails; the load
   * goes on and stores what it finds. Grace is for what expired: what was invalidated meanwhile is no longer held (I21).
   */
  private async underGrace(request: ReadRequest): Promise<Answer> {
    const { key, policy } = request;
    const now = this.clock.monotonic();
    const underWayFor = now - (this.flights.find(key)?.startedAt ?? now);
    const expected = this.local.expiredButKept(key, now) === undefined ? 'miss' : 'expired';
    const taken = this.take(request, expected);
    const answer = await this.inTime(taken, policy.softTimeoutMs - underWayFor);
    if (answer !== LATE) return answer;
    const stale = this.local.expiredButKept(key, this.clock.monotonic());
    if (stale === undefined) return taken;
    stale.visited = true;
    return { value: this.local.handOut(stale), outcome: 'stale', tier: 'memory', ttlMs: 0 };
  }

  /** `LATE` when it takes longer, and when it fails. */
  private inTime(taken: Promise<Answer>, limitMs: number): Promise<Answer | typeof LATE> {
    return new Promise((resolve) => {
      const timer = limitMs > 0 ? this.clock.schedule(limitMs, () => resolve(LATE)) : null;
      const late = () => resolve(LATE);
      taken.then(resolve, late).finally(() => timer?.cancel());
      if (timer === null) late();
    });
  }

  /** Joins the load under way where its value will do for this caller, else leads one. */
  private async take(request: ReadRequest, expected: ReadOutcome): Promise<Answer> {
    const { key } = request;
    const youngerThanThis = this.flights.nextOrdinal;
    let leased: boolean | null = null;
    for (let abandoned = 0; abandoned < PATIENCE_WITH_ABANDONED;) {
      const flight = this.flights.find(key);
      if (flight === undefined || !this.local.fence.untouched(flight.mark, key, [])) break;
      leased ??= this.log.leaseLive(this.clock.monotonic());
      request.onWaiting?.();
      const landing = await flight.joined();
      if (landing === ABANDONED) abandoned += 1;
      else if (landing === UNSHAREABLE)
        return { value: await request.load(), outcome: expected, tier: 'source', ttlMs: 0 };
      else if (flight.ordinal >= youngerThanThis || (leased && this.youngEnough(flight, landing, key)))
        return { value: landing.handOut(), outcome: 'hit', tier: 'flight', ttlMs: 0 };
      const kept = this.fromMemory(key);
      if (kept !== undefined) return kept;
    }
    return this.lead(request, expected);
  }

  /**
   * True when none of what is known here hit what the value depends on since its load began. Whoever asks had a live lease
   * when it came, so all that was acknowledged before that is known here.
   */
  private youngEnough(flight: Flight, landing: Landing, key: string): boolean {
    const { fence } = this.local;
    if (landing.tags === null) return fence.current === flight.mark.sequence;
    return fence.untouched(flight.mark, key, landing.tags);
  }

  private lead(request: ReadRequest, expected: ReadOutcome): Promise<Answer> {
    const mark = this.local.fence.mark();
    const flight = this.flights.begin(request.key, mark, request.policy.hardTimeoutMs);
    return this.fetch(request, mark, expected).then(
      ({ answer, landing }) => {
        this.flights.end(flight);
        flight.land(landing);
        return answer;
      },
      (error: unknown) => {
        this.flights.end(flight);
        flight.crash(error);
        if (expected === 'expired') this.trouble(request, 'refresh', error);
        throw error;
      },
    );
  }

  private async fetch(request: ReadRequest, mark: FenceMark, expected: ReadOutcome): Promise<Fetched> {
    let outcome = expected;
    const keepStale = (stale: SharedTierHit): void => {
      const entry = this.sharedEntry(request, mark, stale);
      if (entry !== null && this.local.install(entry, mark) === 'installed') outcome = 'expired';
    };
    const found = this.shared === null ? null : await this.shared.read(request, keepStale);
    const kept = found?.kind === 'hit' ? this.keepShared(request, mark, found) : null;
    if (kept !== null) return kept;
    const answer = found?.kind === 'permit' ? found : null;

    const startedAt = this.clock.monotonic();
    let value: unknown;
    try {
      value = await request.load();
    } catch (error) {
      if (answer !== null) this.shared!.release(request, answer);
      throw error;
    }
    const loadMs = this.clock.monotonic() - startedAt;
    const copy = this.copyOf(request, value);
    if (copy === null) {
      if (answer !== null) this.shared!.release(request, answer);
      return { answer: { value, outcome, tier: 'source', ttlMs: 0 }, landing: UNSHAREABLE };
    }
    const tags = this.tagsToKeep(request, value);
    const freshMs = jitteredTtl(request.policy, this.random());
    const entry = this.local.entry(request.key, copy, tags ?? [], freshMs, freshMs + request.policy.graceMs);
    const stored =
      tags !== null && (await this.keep(request, mark, answer, entry, value, { startedAt, loadMs, freshMs }));
    if (tags === null && answer !== null) this.shared!.release(request, answer);
    return {
      answer: { value, outcome, tier: 'source', ttlMs: stored ? freshMs : 0 },
      landing: { handOut: () => this.local.handOut(entry), tags },
    };
  }

  /** Keeps what the shared tier answered, with the life that is left to it. */
  private keepShared(request: ReadRequest, mark: FenceMark, hit: SharedTierHit): Fetched | null {
    const entry = this.sharedEntry(request, mark, hit);
    if (entry === null) return null;
    if (this.local.install(entry, mark) === 'installed') request.onInstalled?.(entry);
    const handOut = () => this.local.handOut(entry);
    return {
      answer: { value: handOut(), outcome: 'hit', tier: hit.tier, ttlMs: hit.freshMs },
      landing: { handOut, tags: hit.tags },
    };
  }

  /**
   * `null` counts as a value that the tier does not have: it cannot be kept apart from its callers, or it may be older than
   * an invalidation promised here that the tier has executed only since this read began, or not yet (G5).
   */
  private sharedEntry(request: ReadRequest, mark: FenceMark, hit: SharedTierHit): L1Entry | null {
    const { fence, promised } = this.local;
    if (promised.hit(request.key, hit.tags) || !fence.untouched(mark, request.key, hit.tags)) return null;
    const copy = this.copyOf(request, hit.value);
    return copy && this.local.entry(request.key, copy, hit.tags, hit.freshMs, hit.keepMs);
  }

  /** Stores what was loaded: in the shared tier by its permit, then here behind the fence. `false`: not kept. */
  private async keep(
    request: ReadRequest,
    mark: FenceMark,
    answer: SharedTierPermit | null,
    entry: L1Entry,
    value: unknown,
    load: { readonly startedAt: number; readonly loadMs: number; readonly freshMs: number },
  ): Promise<boolean> {
    if (load.loadMs > request.policy.hardTimeoutMs) return false;
    if (this.shared !== null) {
      const filled =
        answer === null ? 'failed' : await this.shared.fill(request, answer, value, entry.tags, load.freshMs);
      if (filled === 'refused') {
        this.events.emit('fenced', { key: request.key, tier: this.shared.name });
        return false;
      }
      if (filled === 'failed') this.local.grantWithoutLease(entry, load.startedAt, request.policy.degradedTtlMs);
    }
    const installation = this.local.install(entry, mark);
    if (installation === 'fenced') this.events.emit('fenced', { key: request.key, tier: 'memory' });
    if (installation === 'too large') this.trouble(request, 'size', tooLarge(entry));
    if (installation !== 'installed') return false;
    request.onInstalled?.(entry);
    this.events.emit('stored', { key: request.key, loadMs: load.loadMs });
    return true;
  }

  /** `null` where the value cannot be copied (a stream, a function): it goes to its own caller and to nobody else. */
  private copyOf(request: ReadRequest, value: unknown): Snapshot | null {
    const { isolation } = request.policy;
    try {
      const copy = snapshot(value, isolation);
      // Memory shows what the other instances will get from the shared tier: every tier gives the same shape.
      return copy.classes && this.shared !== null ? snapshot(this.shared.shapeOf(value), isolation) : copy;
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

  private trouble(request: ReadRequest, operation: 'tags' | 'value' | 'size' | 'refresh', error: unknown): void {
    this.events.emit('trouble', { operation, scope: request.scope, action: request.action, error });
  }
}

function tooLarge({ bytes }: L1Entry): CacheError {
  return new CacheError(
    'LARDER_VALUE_UNCACHEABLE',
    `Expected a value of at most a quarter of \`memory.maxBytes\`, got one of about ${bytes} bytes. Raise the bound, or return less.`,
  );
}
