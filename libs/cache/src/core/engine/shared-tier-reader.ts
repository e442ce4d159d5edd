import type { Clock } from '../clock/clock.port.js';
import type { ResolvedCodecOptions } from '../codec/codec.options.js';
import { decodeEnvelope, encodeEnvelope } from '../codec/envelope.js';
import type { Asker, BackendRead, CacheBackend, FillPermit, StoredEntry } from '../coherence/cache-backend.port.js';
import { Deadlined, type Deadlines } from './deadlines.js';
import type { EngineEvents, TroubleEvent } from './engine.events.js';
import type { ReadPolicy } from './read-policy.js';
import type { Tracing } from '../events/tracing.js';

/** What the road needs to know of a request here. */
export interface SharedTierRequest {
  readonly key: string;
  readonly scope: string;
  readonly action: string;
  readonly policy: ReadPolicy;
  /** Told when the read begins to wait for another instance's load. */
  readonly onWaiting?: (() => void) | undefined;
}

/** A value of the shared tier, with the life that is left to it. */
export interface SharedTierHit {
  readonly kind: 'hit';
  readonly tier: string;
  readonly value: unknown;
  readonly tags: readonly string[];
  readonly freshMs: number;
  readonly keepMs: number;
}

export interface SharedTierPermit {
  readonly kind: 'permit';
  readonly permit: FillPermit;
  /** False: another was elected by the same permit, and its fill needs it. */
  readonly owner: boolean;
  /** What asking for it has left of the time that the tier may cost (G6), ms. */
  readonly patienceMs: number;
}

export type FillOutcome = 'stored' | 'refused' | 'failed';

/** The shared tier's answer: a value, or the right to fill. */
export type SharedTierRead = SharedTierHit | SharedTierPermit;

/** An answer as it came in time. */
export interface TimelyAnswer {
  readonly read: BackendRead;
  /** Monotonic ms. */
  readonly askedAt: number;
}

/** A permit outlives the load it was given for by this much, ms. */
const PERMIT_MARGIN_MS = 1000;
/** How often a reader that was not elected looks whether the elected one has filled, ms; doubled up to the longest. */
const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 50;

/**
 * The engine's way to a shared tier: bounded in time, silent in failure, and cluster-wide in its single flight. A miss is
 * answered with a permit; who was elected loads, the others look again until the fill is there, and load themselves when
 * it does not come.
 */
export class SharedTierReader {
  constructor(
    private readonly backend: CacheBackend,
    private readonly clock: Clock,
    private readonly events: EngineEvents,
    private readonly deadlines: Deadlines,
    private readonly codec: ResolvedCodecOptions,
    private readonly tracing: Tracing | null = null,
    /** Names the tier in hits, logs and metrics. */
    readonly name: string = backend.name,
  ) {}

  /**
   * Asks once; `null`: the tier is away, fails or is slow. Most reads end here, and a batch of them is answered in one turn
   * by callback. What follows must run in the context of who asked (its transaction, its trace), not in that of the batch
   * or of the timer that rings: that is what the one promise is for.
   * @param askedAt now, monotonic
   */
  ask(request: SharedTierRequest, askedAt: number, refresh = false): Promise<TimelyAnswer | null> {
    if (!this.backend.available()) return Promise.resolve(null);
    return new Promise((resolve) => {
      const tell = this.tracing === null ? resolve : this.traced(this.tracing, request, resolve);
      const { hardTimeoutMs, softTimeoutMs } = request.policy;
      const question = new Question(this, request, askedAt, tell);
      this.deadlines.of(softTimeoutMs).add(question, askedAt);
      this.backend.ask(request.key, { permitMs: hardTimeoutMs + PERMIT_MARGIN_MS, refresh }, question);
    });
  }

  /**
   * What follows from a first answer. `null`: the tier is away or slow; the caller goes on without it and stores nothing
   * in it.
   * @param onStale told of an expired value that grace may serve while a load, here or elsewhere, is under way
   */
  async settle(
    request: SharedTierRequest,
    first: TimelyAnswer | null,
    onStale: (stale: SharedTierHit) => void,
  ): Promise<SharedTierRead | null> {
    const giveUpAt = this.clock.monotonic() + request.policy.electionWaitMs;
    let lookMs = FIRST_LOOK_MS;
    for (let answer = first; answer !== null; answer = await this.ask(request, this.clock.monotonic())) {
      const { read, askedAt } = answer;
      if (read.hit) return this.open(request, read.entry);
      this.offerStale(request, read.stale, onStale);
      if (read.owner || this.clock.monotonic() + lookMs > giveUpAt) return this.permitOf(request, read, askedAt);
      request.onWaiting?.();
      await this.clock.sleep(lookMs);
      lookMs = Math.min(lookMs * 2, LONGEST_LOOK_MS);
    }
    return null;
  }

  /** The value of an entry; `null`: unreadable here. */
  decoded({ payload, tags, freshMs, keepMs }: StoredEntry): SharedTierHit | null {
    const envelope = decodeEnvelope(payload, this.codec);
    return envelope && { kind: 'hit', tier: this.name, value: envelope.value, tags, freshMs, keepMs };
  }

  /**
   * `refused`: something the value depends on was invalidated meanwhile, and it may not be kept anywhere. `failed`: it is
   * not known to be stored; memory may keep it all the same, as while the tier is away, for the log keeps memory right.
   */
  fill(
    request: SharedTierRequest,
    given: SharedTierPermit,
    value: unknown,
    tags: readonly string[],
    freshMs: number,
  ): Promise<FillOutcome> {
    const filling = () => this.store(request, given, value, tags, freshMs);
    if (this.tracing === null) return filling();
    const { scope, action } = request;
    return this.tracing.inside('shared.fill', { scope, action, tier: this.name }, async (span) => {
      const outcome = await filling();
      span.set({ outcome });
      return outcome;
    });
  }

  private async store(
    request: SharedTierRequest,
    given: SharedTierPermit,
    value: unknown,
    tags: readonly string[],
    freshMs: number,
  ): Promise<FillOutcome> {
    const { key, policy } = request;
    let payload: Uint8Array;
    try {
      const envelope = { value, freshMs, graceMs: policy.graceMs, createdAt: this.clock.wall() };
      payload = encodeEnvelope(envelope, this.codec);
    } catch (error) {
      this.trouble(request, 'fill', error);
      this.release(request, given);
      return 'failed';
    }
    try {
      const entry = { payload, tags, freshMs, keepMs: freshMs + policy.graceMs };
      const stored = await this.inTime(this.backend.fill(key, given.permit, entry), given.patienceMs);
      return stored === null ? 'failed' : stored ? 'stored' : 'refused';
    } catch (error) {
      this.trouble(request, 'fill', error);
      return 'failed';
    }
  }

  /**
   * What the tier will give back for a value: instances of classes come back as plain objects.
   * @throws CacheError `LARDER_VALUE_UNCACHEABLE` for what it cannot carry
   */
  shapeOf(value: unknown): unknown {
    const envelope = { value, freshMs: 0, graceMs: 0, createdAt: 0 };
    return decodeEnvelope(encodeEnvelope(envelope, this.codec), this.codec)?.value;
  }

  /**
   * The load failed or its value is not kept: let the next reader load without waiting. Who was not elected gives nothing
   * back: the elected one is still to fill by the permit.
   */
  release(
    request: SharedTierRequest,
    { permit, owner }: { readonly permit: FillPermit; readonly owner: boolean },
  ): void {
    if (!owner) return;
    this.backend.release(request.key, permit).catch((error: unknown) => this.trouble(request, 'release', error));
  }

  /** Told the same, once the span of the question has ended. */
  private traced(
    tracing: Tracing,
    { scope, action }: SharedTierRequest,
    listener: (answer: TimelyAnswer | null) => void,
  ): (answer: TimelyAnswer | null) => void {
    const span = tracing.begin('shared.read', { scope, action, tier: this.name });
    return (answer) => {
      span.set({ outcome: outcomeOf(answer) });
      span.end();
      listener(answer);
    };
  }

  private async open(request: SharedTierRequest, entry: StoredEntry): Promise<SharedTierRead | null> {
    const hit = this.decoded(entry);
    if (hit !== null) return hit;
    // Unreadable here (another version, damaged): a counted miss, and the next fill replaces it.
    this.trouble(request, 'decode', new Error(`unreadable entry of ${entry.payload.byteLength} bytes`));
    const again = await this.ask(request, this.clock.monotonic(), true);
    return again === null || again.read.hit ? null : this.permitOf(request, again.read, again.askedAt);
  }

  private permitOf(
    request: SharedTierRequest,
    { permit, owner }: { readonly permit: FillPermit; readonly owner: boolean },
    askedAt: number,
  ): SharedTierPermit {
    const tookMs = this.clock.monotonic() - askedAt;
    return { kind: 'permit', permit, owner, patienceMs: Math.max(0, request.policy.softTimeoutMs - tookMs) };
  }

  private offerStale(request: SharedTierRequest, stale: StoredEntry | null, onStale: (hit: SharedTierHit) => void) {
    if (stale === null || request.policy.graceMs === 0) return;
    const hit = this.decoded(stale);
    if (hit !== null) onStale(hit);
  }

  /** `null`: not in time; what becomes of it then is of no interest to the caller. */
  private inTime(stored: Promise<boolean>, limitMs: number): Promise<boolean | null> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.schedule(limitMs, () => resolve(null));
      stored.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  /** Announces trouble that is not the caller's. */
  trouble(request: SharedTierRequest, operation: TroubleEvent['operation'], error: unknown): void {
    this.events.emit('trouble', { operation, scope: request.scope, action: request.action, error });
  }
}

/** A question to the tier that nobody waits for beyond its time. */
class Question extends Deadlined implements Asker {
  constructor(
    private readonly reader: SharedTierReader,
    private readonly request: SharedTierRequest,
    private readonly askedAt: number,
    private readonly tell: (answer: TimelyAnswer | null) => void,
  ) {
    super();
  }

  /**
   * A reply that comes too late is worth nothing: its position was taken after the method may have begun to read. Who was
   * elected by it loads without the permit; others must not wait for its fill.
   */
  answered(read: BackendRead): void {
    if (this.over()) this.tell({ read, askedAt: this.askedAt });
    else if (!read.hit && read.owner) this.reader.release(this.request, read);
  }

  failed(error: unknown): void {
    this.reader.trouble(this.request, 'read', error);
    if (this.over()) this.tell(null);
  }

  override expire(): void {
    this.tell(null);
  }
}

function outcomeOf(answer: TimelyAnswer | null): string {
  if (answer === null) return 'unanswered';
  if (answer.read.hit) return 'hit';
  return answer.read.stale === null ? 'miss' : 'expired';
}
