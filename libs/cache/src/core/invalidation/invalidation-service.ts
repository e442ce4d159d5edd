import type { Clock, Timer } from '../clock/clock.port.js';
import type { AppendWait } from '../coherence/invalidation-log.port.js';
import type { Invalidation, PatternTarget } from '../coherence/invalidation.js';
import type { Tracing } from '../events/tracing.js';
import type { DurableEntries } from './durable-entries.js';
import type { InvalidationIntent } from './intent.js';
import { InvalidationEvents, type InvalidatedEvent } from './invalidation.events.js';
import type { FollowedLogs } from './followed-logs.js';

/** What is said of an invalidation for the audit, and what it waits for. */
export interface InvalidateOptions {
  /** For the audit: why. @default '' */
  reason?: string;
  /** For the audit: who. @default 'unknown' */
  actor?: string;
  /** Correlates the invalidation across logs and audit. @default generated */
  requestId?: string;
  /** `cluster`: resolve only when no live instance can serve the old values (G9). Not every log can tell. @default 'applied' */
  wait?: AppendWait;
}

/** What an invalidation did. */
export interface InvalidationResult {
  /** Whether a record of it stands in the audit; `false` also where there is no audit. */
  readonly wasLogged: boolean;
  readonly requestId: string;
  /** Where it stands in the log; with several backends in that of the main one. */
  readonly position: string;
  /** Entries it removed, as far as this instance and the shared tier can tell at once. */
  readonly removed: number;
  /** Unix ms. */
  readonly at: number;
  readonly latencyMs: number;
}

/** Writes the audit record of an invalidation; `true` when it stands. Never rejects. */
export type InvalidationRecorder = (event: InvalidatedEvent) => Promise<boolean>;

const RETRY_MS = 250;
const MAX_RETRY_MS = 5000;
interface Wish {
  readonly intents: readonly InvalidationIntent[];
  readonly options: InvalidateOptions;
}
interface PendingInvalidation extends Wish {
  /** Called when it is applied: see {@link InvalidationService.promise}. */
  readonly kept: () => void;
}

/** Unapplied invalidations kept for repetition; beyond it they are folded into one flush, which covers them all (I19). */
const MAX_PENDING = 1000;

/**
 * The one road every removal takes: intents → durable entries → the log of every backend (which drops them from the shared
 * tier) → every instance's memory. Who needs durability across a crash puts an outbox before it; this service applies.
 */
export class InvalidationService {
  readonly events = new InvalidationEvents();
  /** Writes the audit record of an invalidation before its caller is answered; `true` when it stands. */
  recorder: InvalidationRecorder | null = null;
  private readonly durable: DurableEntries[] = [];
  private pending: PendingInvalidation[] = [];
  /** True from the first failure until nothing is pending: there is one retry loop, whoever fails meanwhile. */
  private retrying = false;
  private nextTry: Timer | null = null;
  private closed = false;

  constructor(
    private readonly logs: FollowedLogs,
    private readonly clock: Clock,
    private readonly newId: () => string,
    private readonly origin: string,
    private readonly flushIntent: () => InvalidationIntent,
    private readonly tracing: Tracing | null = null,
  ) {}

  /** Invalidations that could not be applied yet and are being repeated; 0 is healthy. */
  get pendingCount(): number {
    return this.pending.length;
  }

  /** From now on every invalidation removes these entries too, before it is written to the log. */
  removesFrom(entries: DurableEntries): void {
    this.durable.push(entries);
  }

  /**
   * Invalidates. When it resolves, this instance never serves the old values again (G5).
   *
   * @param record writes the audit record, in place of the recorder of all
   * @throws CacheError `LARDER_WAIT_UNSUPPORTED` for a wait that a log cannot give; nothing was done
   * @throws the error of durable entries or of a log when it was not applied, or when that is unknown (G7); memory of this instance is emptied of
   *   the targets all the same, and repeating is harmless
   */
  invalidate(
    intents: readonly InvalidationIntent[],
    options: InvalidateOptions = {},
    record: InvalidationRecorder | null = this.recorder,
  ): Promise<InvalidationResult> {
    if (this.tracing === null) return this.carryOut(intents, options, record);
    const kinds = [...new Set(intents.map(({ kind }) => kind))].sort().join(' ');
    return this.tracing.inside('invalidate', { kinds, intents: intents.length }, async (span) => {
      const result = await this.carryOut(intents, options, record);
      const { requestId: request_id, removed, wasLogged: logged } = result;
      span.set({ outcome: 'applied', request_id, removed, logged });
      return result;
    });
  }

  private async carryOut(
    intents: readonly InvalidationIntent[],
    options: InvalidateOptions,
    record: InvalidationRecorder | null,
  ): Promise<InvalidationResult> {
    this.logs.assertWait(options.wait);
    const startedAt = this.clock.monotonic();
    const invalidation = this.merge(intents, options);
    const removedHere = this.logs.applyAndCount(invalidation);
    // Without durable entries the log has it in the same turn, and nothing written meanwhile is dropped with it.
    const removing = this.durable.map((entries) => entries.remove(invalidation));
    const durable = removing.length === 0 ? [] : await Promise.all(removing);
    const receipt = await this.logs.append(invalidation, options.wait ?? 'applied');
    const removedDurably = durable.reduce((sum, count) => sum + count, 0);
    const removed = Math.max(receipt.removed, await removedHere, removedDurably);
    const { reason, id: requestId } = invalidation;
    const [at, latencyMs] = [this.clock.wall(), this.clock.monotonic() - startedAt];
    const actor = options.actor ?? 'unknown';
    const { position } = receipt;
    const event = { requestId, intents, position, reason, actor, removed, latencyMs, at };
    this.events.emit('invalidated', event);
    const wasLogged = record !== null && (await record(event));
    return { requestId, position, removed, at, latencyMs, wasLogged };
  }

  /**
   * Invalidates now if possible, else keeps trying: for callers whose work is done and must not fail (G6). Failure is
   * announced and counted in `pendingCount` until it is made good (G7).
   */
  async invalidateOrRetry(
    intents: readonly InvalidationIntent[],
    options: Omit<InvalidateOptions, 'wait'> = {},
  ): Promise<void> {
    const requestId = options.requestId ?? this.newId();
    const wish = { intents, options: { ...options, requestId } };
    try {
      await this.invalidate(intents, wish.options);
    } catch (error) {
      if (!this.closed) this.keep(wish);
      this.failed(wish, error);
      if (!this.retrying) this.retryLater(RETRY_MS);
    }
  }

  /** Drops the targets from this process's memory alone. */
  forgetHere(intents: readonly InvalidationIntent[]): void {
    this.logs.apply(this.merge(intents, {}));
  }

  /**
   * Drops the targets from this process's memory, and passes over what the shared tier holds of them until the returned
   * function is called: for an invalidation whose writer goes on before it has been applied (G5).
   */
  promise(intents: readonly InvalidationIntent[]): () => void {
    return this.logs.promise(this.merge(intents, {}));
  }

  /** Stops repeating; what is pending then is reported once more. */
  close(): void {
    this.closed = true;
    this.nextTry?.cancel();
    for (const wish of this.pending.splice(0)) {
      this.failed(wish, new Error('the application closed before this invalidation could be applied'));
    }
  }

  private keep(wish: Wish): void {
    if (this.pending.length < MAX_PENDING) {
      this.pending.push({ ...wish, kept: this.promise(wish.intents) });
      return;
    }
    const all = { intents: [this.flushIntent()], options: { reason: 'pending overflow' } };
    const folded = this.pending;
    this.pending = [{ ...all, kept: this.promise(all.intents) }];
    for (const { kept } of folded) kept();
  }

  private failed({ intents, options }: Wish, error: unknown): void {
    const { requestId = '' } = options;
    this.events.emit('failed', { requestId, intents, error, pending: this.pending.length });
  }

  private retryLater(delayMs: number): void {
    this.retrying = !this.closed;
    if (this.retrying) this.nextTry = this.clock.schedule(delayMs, () => void this.retry(delayMs));
  }

  private async retry(delayMs: number): Promise<void> {
    for (let first = this.pending[0]; first !== undefined; first = this.pending[0]) {
      try {
        await this.invalidate(first.intents, first.options);
      } catch (error) {
        if (!this.closed) this.failed(first, error);
        this.retryLater(Math.min(delayMs * 2, MAX_RETRY_MS));
        return;
      }
      if (this.pending[0] !== first) continue; // folded into a flush meanwhile
      this.pending.shift();
      first.kept();
    }
    this.retrying = false;
  }

  /** Many intents travel as one invalidation. */
  private merge(intents: readonly InvalidationIntent[], options: InvalidateOptions): Invalidation {
    const keys = new Set<string>();
    const tags = new Set<string>();
    const patterns: PatternTarget[] = [];
    let flush = false;
    for (const intent of intents) {
      const target = intent.toCacheInvalidation();
      switch (target.op) {
        case 'key':
          keys.add(target.key);
          break;
        case 'tag':
          tags.add(target.tag);
          break;
        case 'pattern':
          patterns.push({ pattern: target.pattern, scope: target.scope });
          break;
        case 'flush':
          flush = true;
          break;
      }
    }
    const { reason = '', requestId = this.newId() } = options;
    return { id: requestId, keys: [...keys], tags: [...tags], patterns, flush, reason, origin: this.origin };
  }
}
