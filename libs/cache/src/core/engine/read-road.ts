import type { Clock } from '../clock/clock.port.js';
import type { InvalidationLog } from '../coherence/invalidation-log.port.js';
import type { EngineEvents, ReadOutcome } from './engine.events.js';
import { snapshot, type Snapshot } from './isolation.js';
import type { L1Entry } from './l1-entry.js';
import type { FenceMark } from './local-fence.js';
import type { LocalTier } from './local-tier.js';
import { jitteredTtl, type ReadPolicy } from './read-policy.js';
import type { SharedTierRead, SharedTierReader } from './shared-tier-reader.js';
import { ABANDONED, SingleFlight, UNSHAREABLE, type Flight, type Landing } from './single-flight.js';

/** One read as the road sees it. */
export interface ReadRequest {
  readonly key: string;
  readonly scope: string;
  readonly action: string;
  readonly policy: ReadPolicy;
  /** Runs the method. Its errors pass unchanged. */
  readonly load: () => unknown;
  /** The tags of a loaded value, the scope's implicit tag included. */
  readonly tagsOf: (value: unknown) => readonly string[];
  /** True: return the value, keep nothing. */
  readonly unless: ((value: unknown) => boolean) | null;
  /** Told of the entry when one is installed, so that the action can reach it by its raw argument. */
  readonly onInstalled: ((entry: L1Entry) => void) | null;
  /** Told when the read begins to wait for somebody else's load. */
  readonly onWaiting?: (() => void) | undefined;
}

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
    const arrivedAt = this.clock.monotonic();
    const youngerThanThis = this.flights.nextOrdinal;
    for (;;) {
      const entry = this.local.fresh(request.key, this.clock.monotonic());
      if (entry !== undefined) {
        this.announce(request, 'hit', 'memory', entry.freshUntil - this.clock.monotonic());
        return this.local.handOut(entry);
      }
      const flight = this.flights.find(request.key);
      if (flight === undefined || !this.local.fence.untouched(flight.mark, request.key, [])) break;
      request.onWaiting?.();
      const landing = await flight.joined();
      if (landing === ABANDONED) break;
      if (landing === UNSHAREABLE) return request.load();
      if (flight.ordinal >= youngerThanThis || this.youngEnough(flight, landing, request.key, arrivedAt)) {
        this.announce(request, 'hit', 'flight', 0);
        return landing.handOut();
      }
    }
    return this.lead(request);
  }

  /** True when everything acknowledged before the joiner came is known here, and none of it hit what the value depends on. */
  private youngEnough(flight: Flight, landing: Landing, key: string, arrivedAt: number): boolean {
    if (landing.tags === null) return this.local.fence.current === flight.mark.sequence;
    return this.log.leaseLive(arrivedAt) && this.local.fence.untouched(flight.mark, key, landing.tags);
  }

  /** Takes the road to the end; where grace has a value to offer, a slow or failing method is stood in for. */
  private async lead(request: ReadRequest): Promise<unknown> {
    const stale =
      request.policy.graceMs > 0 ? this.local.expiredButKept(request.key, this.clock.monotonic()) : undefined;
    const mark = this.local.fence.mark();
    const flight = this.flights.begin(request.key, mark, request.policy.hardTimeoutMs);
    const fetched = this.fetch(request, mark, stale === undefined ? 'miss' : 'expired').then(
      (landed) => {
        this.flights.end(flight);
        flight.land(landed.landing);
        return landed.value;
      },
      (error: unknown) => {
        this.flights.end(flight);
        flight.crash(error);
        throw error;
      },
    );
    return stale === undefined ? fetched : this.underGrace(request, fetched, stale);
  }

  private async underGrace(request: ReadRequest, fetched: Promise<unknown>, stale: L1Entry): Promise<unknown> {
    const late = Symbol('late');
    const first = await Promise.race([
      fetched.catch((error: unknown) => {
        this.trouble(request, 'refresh', error);
        return late;
      }),
      this.clock.sleep(request.policy.softTimeoutMs).then(() => late),
    ]);
    if (first !== late) return first;
    // Grace is for what expired, never for what was invalidated meanwhile.
    if (!this.local.stillValid(stale)) return fetched;
    this.announce(request, 'stale', 'memory', 0);
    return this.local.handOut(stale);
  }

  private async fetch(
    request: ReadRequest,
    mark: FenceMark,
    outcome: ReadOutcome,
  ): Promise<{ value: unknown; landing: Landing | typeof UNSHAREABLE }> {
    const answer = this.shared === null ? null : await this.shared.read(request);
    if (answer !== null && answer.kind === 'hit') {
      this.announce(request, 'hit', answer.tier, answer.freshMs);
      return this.keepShared(request, mark, answer);
    }
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
      this.announce(request, outcome, 'source', 0);
      return { value, landing: UNSHAREABLE };
    }
    const tags = this.tagsToKeep(request, value);
    const freshMs = jitteredTtl(request.policy, this.random());
    const entry = this.local.entry(request.key, copy, tags ?? [], freshMs, freshMs + request.policy.graceMs);
    const kept =
      tags !== null && (await this.keep(request, mark, answer, entry, value, { startedAt, loadMs, freshMs }));
    if (tags === null && answer !== null) this.shared!.release(request, answer);
    this.announce(request, outcome, 'source', kept ? freshMs : 0);
    return { value, landing: { handOut: () => this.local.handOut(entry), tags } };
  }

  /** Keeps what the shared tier answered, with the life that is left to it. */
  private keepShared(
    request: ReadRequest,
    mark: FenceMark,
    hit: SharedTierRead & { kind: 'hit' },
  ): { value: unknown; landing: Landing } {
    const copy = snapshot(hit.value, request.policy.isolation);
    const entry = this.local.entry(request.key, copy, hit.tags, hit.freshMs, hit.keepMs);
    const landing = { handOut: () => this.local.handOut(entry), tags: hit.tags };
    if (this.local.install(entry, mark)) request.onInstalled?.(entry);
    return { value: this.local.handOut(entry), landing };
  }

  /** Stores what was loaded: in the shared tier by its permit, then here behind the fence. `false`: not kept. */
  private async keep(
    request: ReadRequest,
    mark: FenceMark,
    answer: (SharedTierRead & { kind: 'permit' }) | null,
    entry: L1Entry,
    value: unknown,
    load: { readonly startedAt: number; readonly loadMs: number; readonly freshMs: number },
  ): Promise<boolean> {
    if (load.loadMs > request.policy.hardTimeoutMs) return false;
    if (this.shared !== null && answer === null) {
      this.local.grantWithoutLease(entry, load.startedAt, request.policy.degradedTtlMs);
    } else if (answer !== null && !(await this.shared!.fill(request, answer, value, entry.tags, load.freshMs))) {
      this.events.emit('fenced', { key: request.key, tier: this.shared!.name });
      return false;
    }
    if (!this.local.install(entry, mark)) {
      this.events.emit('fenced', { key: request.key, tier: 'memory' });
      return false;
    }
    request.onInstalled?.(entry);
    this.events.emit('stored', { key: request.key, loadMs: load.loadMs });
    return true;
  }

  /** `null` where the value cannot be copied (a stream, a function): it goes to its own caller and to nobody else. */
  private copyOf(request: ReadRequest, value: unknown): Snapshot | null {
    try {
      return snapshot(value, request.policy.isolation);
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

  private announce(request: ReadRequest, outcome: ReadOutcome, tier: string, ttlMs: number): void {
    if (!this.events.has('read')) return;
    const { scope, action, key } = request;
    this.events.emit('read', { scope, action, key, outcome, tier, ttlMs });
  }

  private trouble(request: ReadRequest, operation: 'tags' | 'value' | 'refresh', error: unknown): void {
    this.events.emit('trouble', { operation, scope: request.scope, action: request.action, error });
  }
}
