import type { Clock } from '../clock/clock.port.js';
import type { InvalidationLog } from '../coherence/invalidation-log.port.js';
import type { Deadlines } from './deadlines.js';
import type { EngineEvents, ReadOutcome } from './engine.events.js';
import { FillRoad, type Answer, type Fetched } from './fill-road.js';
import type { LocalTier } from './local-tier.js';
import type { ReadRequest } from './read-request.js';
import type { SharedTierReader, TimelyAnswer } from './shared-tier-reader.js';
import { ABANDONED, SingleFlight, UNSHAREABLE, type Arrival, type Flight, type Landing } from './single-flight.js';
import type { Tracing } from '../events/tracing.js';

/** After so many loads that ran past their hard timeout a caller waits for no other: it runs the method itself. */
const PATIENCE_WITH_ABANDONED = 2;

const LATE = Symbol('late');

/**
 * The one road every read takes: memory → shared tier → single flight → method → fenced store (`FillRoad`).
 *
 * What makes it safe is order. The fence is marked and the shared tier's position is taken *before* the method runs
 * (stamp first), and the value is kept only if nothing it depends on was invalidated since: the permit decides in the
 * shared tier, the local fence in memory (G1, I9). Who joins another's load gets its value only if that load began after
 * the joiner arrived, or if nothing the value depends on was invalidated since it began (I10).
 *
 * Trouble of the cache never reaches the caller: it costs at most `softTimeoutMs` on top of the method's own time (G6).
 *
 * A hit of the shared tier, which a large cache sees more often than one of memory, costs no timer and two promises: batches
 * are answered by callback, and deadlines are linked, not scheduled.
 */
export class ReadRoad {
  private readonly flights: SingleFlight;
  private readonly fills: FillRoad;

  constructor(
    private readonly local: LocalTier,
    private readonly shared: SharedTierReader | null,
    private readonly log: InvalidationLog,
    private readonly clock: Clock,
    private readonly events: EngineEvents,
    deadlines: Deadlines,
    random: () => number,
    tracing: Tracing | null = null,
  ) {
    this.flights = new SingleFlight(deadlines);
    this.fills = new FillRoad(local, shared, clock, events, random, tracing);
  }

  /** Loads in the air, for health and tests. */
  get loadsUnderWay(): number {
    return this.flights.size;
  }

  /** True while a load of the key is in the air. */
  loading(key: string): boolean {
    return this.flights.find(key) !== undefined;
  }

  read(request: ReadRequest): Promise<unknown> {
    const now = this.clock.monotonic();
    const kept = this.fromMemory(request.key, now);
    if (kept !== undefined) {
      request.counters.memoryHits += 1;
      return Promise.resolve(this.announced(request, kept));
    }
    const arrive = (answer: Answer): unknown => {
      request.counters.count(answer.outcome, answer.tier);
      if (this.events.has('answered')) this.announceAnswer(request, answer, now);
      return this.announced(request, answer);
    };
    const lost = (error: unknown): never => {
      request.counters.count('miss', 'source');
      throw error;
    };
    if (request.policy.graceMs > 0) return this.underGrace(request, now).then(arrive, lost);
    if (this.loading(request.key)) return this.joinOrLead(request, 'miss').then(arrive, lost);
    return this.lead(request, 'miss', now, arrive, lost);
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

  private announced(request: ReadRequest, { value, outcome, tier, ttlMs }: Answer): unknown {
    request.onAnswered?.(tier);
    if (this.events.has('read')) {
      this.events.emit('read', {
        scope: request.scope,
        action: request.action,
        key: request.key,
        outcome,
        tier,
        ttlMs,
      });
    }
    return value;
  }

  private announceAnswer({ counters }: ReadRequest, { tier }: Answer, askedAt: number): void {
    if (tier === 'flight') return;
    const { scope, action } = counters;
    this.events.emit('answered', { scope, action, tier, tookMs: this.clock.monotonic() - askedAt });
  }

  private fromMemory(key: string, now: number): Answer | undefined {
    const entry = this.local.fresh(key, now);
    if (entry === undefined) return undefined;
    return { value: this.local.handOut(entry), outcome: 'hit', tier: 'memory', ttlMs: entry.freshUntil - now };
  }

  /**
   * Everybody who asks while a value is expired but kept gets it as soon as the method proves slow or fails; the load
   * goes on and stores what it finds. Grace is for what expired: what was invalidated meanwhile is no longer held (I21).
   */
  private async underGrace(request: ReadRequest, now: number): Promise<Answer> {
    const { key, policy } = request;
    const underWayFor = now - (this.flights.find(key)?.startedAt ?? now);
    const expected = this.local.expiredButKept(key, now) === undefined ? 'miss' : 'expired';
    const taken = this.take(request, expected, now);
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
  private take(request: ReadRequest, expected: ReadOutcome, now: number): Promise<Answer> {
    return this.flights.find(request.key) === undefined
      ? this.led(request, expected, now)
      : this.joinOrLead(request, expected);
  }

  private async joinOrLead(request: ReadRequest, expected: ReadOutcome): Promise<Answer> {
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
        return { value: await this.fills.load(request), outcome: expected, tier: 'source', ttlMs: 0 };
      else if (flight.ordinal >= youngerThanThis || (leased && this.youngEnough(flight, landing, key)))
        return { value: landing.handOut(), outcome: 'hit', tier: 'flight', ttlMs: 0 };
      const kept = this.fromMemory(key, this.clock.monotonic());
      if (kept !== undefined) return kept;
    }
    return this.led(request, expected, this.clock.monotonic());
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

  /** Goes all the way. What `arrive` makes of the answer is the outcome, or what `lost` makes of the method's error. */
  private lead<T>(
    request: ReadRequest,
    expected: ReadOutcome,
    now: number,
    arrive: (answer: Answer) => T,
    lost: (error: unknown) => never,
  ): Promise<T> {
    const mark = this.local.fence.mark();
    const flight = this.flights.begin(request.key, mark, request.policy.hardTimeoutMs, now);
    const land = (fetched: Fetched): T => {
      this.fills.land(flight, fetched);
      return arrive(fetched.answer);
    };
    const goOn = (first: TimelyAnswer | null): Promise<T> =>
      this.fills.goOn(request, mark, first, expected).then(land, (error: unknown) => {
        flight.end();
        flight.crash(error);
        if (expected === 'expired') this.trouble(request, error);
        return lost(error);
      });
    if (this.shared === null) return goOn(null);
    return this.shared.ask(request, now).then((first) => {
      const kept = first?.read.hit === true ? this.fills.keepShared(request, mark, first.read.entry) : null;
      return kept === null ? goOn(first) : land(kept);
    });
  }

  private led(request: ReadRequest, expected: ReadOutcome, now: number): Promise<Answer> {
    return this.lead(request, expected, now, (answer) => answer, raise);
  }

  private trouble(request: ReadRequest, error: unknown): void {
    this.events.emit('trouble', { operation: 'refresh', scope: request.scope, action: request.action, error });
  }
}

function raise(error: unknown): never {
  throw error;
}
