import type { Clock } from '../clock/clock.port.js';
import { decodeEnvelope, encodeEnvelope } from '../codec/envelope.js';
import type { BackendRead, CacheBackend, FillPermit, StoredEntry } from '../coherence/cache-backend.port.js';
import type { EngineEvents, TroubleEvent } from './engine.events.js';
import type { ReadPolicy } from './read-policy.js';

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
}

/** The shared tier's answer: a value, or the right to fill. */
export type SharedTierRead = SharedTierHit | SharedTierPermit;

/** A permit outlives the load it was given for by this much, ms. */
const PERMIT_MARGIN_MS = 1000;
/** How often a reader that was not elected looks whether the elected one has filled, ms; doubled up to the longest. */
const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 50;

const TOO_LATE = Symbol('too late');

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
  ) {}

  get name(): string {
    return this.backend.name;
  }

  /**
   * `null`: the tier is away or slow; the caller goes on without it and stores nothing in it.
   * @param onStale told of an expired value that grace may serve while a load, here or elsewhere, is under way
   */
  async read(
    request: SharedTierRequest,
    onStale: (stale: SharedTierHit) => void = () => undefined,
  ): Promise<SharedTierRead | null> {
    const giveUpAt = this.clock.monotonic() + request.policy.electionWaitMs;
    let lookMs = FIRST_LOOK_MS;
    for (;;) {
      const read = await this.ask(request, false);
      if (read === null) return null;
      if (read.hit) return this.open(request, read.entry);
      this.offerStale(request, read.stale, onStale);
      if (read.owner || this.clock.monotonic() + lookMs > giveUpAt) return { kind: 'permit', permit: read.permit };
      request.onWaiting?.();
      await this.clock.sleep(lookMs);
      lookMs = Math.min(lookMs * 2, LONGEST_LOOK_MS);
    }
  }

  /**
   * `refused`: something the value depends on was invalidated meanwhile, and it may not be kept anywhere. `failed`: it is
   * not known to be stored; memory may keep it all the same, as while the tier is away, for the log keeps memory right.
   */
  async fill(
    request: SharedTierRequest,
    given: { readonly permit: FillPermit },
    value: unknown,
    tags: readonly string[],
    freshMs: number,
  ): Promise<'stored' | 'refused' | 'failed'> {
    const { key, policy } = request;
    let payload: Uint8Array;
    try {
      payload = encodeEnvelope({ value, freshMs, graceMs: policy.graceMs, createdAt: this.clock.wall() });
    } catch (error) {
      this.trouble(request, 'fill', error);
      this.release(request, given);
      return 'failed';
    }
    try {
      const entry = { payload, tags, freshMs, keepMs: freshMs + policy.graceMs };
      const stored = await this.inTime(this.backend.fill(key, given.permit, entry), policy.softTimeoutMs);
      return stored === TOO_LATE ? 'failed' : stored ? 'stored' : 'refused';
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
    return decodeEnvelope(encodeEnvelope({ value, freshMs: 0, graceMs: 0, createdAt: 0 }))?.value;
  }

  /** The load failed or its value is not kept: let the next reader load without waiting. */
  release(request: SharedTierRequest, { permit }: { readonly permit: FillPermit }): void {
    this.backend.release(request.key, permit).catch((error: unknown) => this.trouble(request, 'release', error));
  }

  private async open(request: SharedTierRequest, entry: StoredEntry): Promise<SharedTierRead | null> {
    const hit = this.decoded(entry);
    if (hit !== null) return hit;
    // Unreadable here (another version, damaged): a counted miss, and the next fill replaces it.
    this.trouble(request, 'decode', new Error(`unreadable entry of ${entry.payload.byteLength} bytes`));
    const again = await this.ask(request, true);
    return again === null || again.hit ? null : { kind: 'permit', permit: again.permit };
  }

  private offerStale(request: SharedTierRequest, stale: StoredEntry | null, onStale: (hit: SharedTierHit) => void) {
    if (stale === null || request.policy.graceMs === 0) return;
    const hit = this.decoded(stale);
    if (hit !== null) onStale(hit);
  }

  private decoded({ payload, tags, freshMs, keepMs }: StoredEntry): SharedTierHit | null {
    const envelope = decodeEnvelope(payload);
    return envelope && { kind: 'hit', tier: this.backend.name, value: envelope.value, tags, freshMs, keepMs };
  }

  private async ask(request: SharedTierRequest, refresh: boolean): Promise<BackendRead | null> {
    if (!this.backend.available()) return null;
    try {
      const permitMs = request.policy.hardTimeoutMs + PERMIT_MARGIN_MS;
      const answer = this.backend.read(request.key, { permitMs, refresh });
      const read = await this.inTime(answer, request.policy.softTimeoutMs);
      if (read !== TOO_LATE) return read;
      this.giveBack(request, answer);
      return null;
    } catch (error) {
      this.trouble(request, 'read', error);
      return null;
    }
  }

  /** Who was elected by a reply that came too late loads without the permit; others must not wait for its fill. */
  private giveBack(request: SharedTierRequest, answer: Promise<BackendRead>): void {
    answer.then(
      (read) => {
        if (!read.hit && read.owner) this.release(request, read);
      },
      (error: unknown) => this.trouble(request, 'read', error),
    );
  }

  /** A reply that comes too late is worth nothing: its position was taken after the method may have begun to read. */
  private async inTime<T>(answer: Promise<T>, limitMs: number): Promise<T | typeof TOO_LATE> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.schedule(limitMs, () => resolve(TOO_LATE));
      answer.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  private trouble(request: SharedTierRequest, operation: TroubleEvent['operation'], error: unknown): void {
    this.events.emit('trouble', { operation, scope: request.scope, action: request.action, error });
  }
}
