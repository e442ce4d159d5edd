import type { Clock } from '../../core/clock/clock.port.js';
import type { HistoryChange, ReplayOutcome } from '../../core/coherence/shared-tier.port.js';
import { Emitter } from '../../core/events/emitter.js';
import { InvalidationIntent } from '../../core/invalidation/intent.js';
import type { InvalidateOptions, InvalidationService } from '../../core/invalidation/invalidation-service.js';
import type { InvalidationReceipt } from '../../core/outbox/invalidation-receipt.js';
import type { OutboxEvents } from '../../core/outbox/outbox.events.js';
import type { OutboxStore } from '../../core/outbox/outbox-store.port.js';
import { resolveOutboxWorkerOptions, type OutboxWorkerSettings } from '../../core/outbox/outbox-worker.options.js';
import { OutboxWorker } from '../../core/outbox/outbox-worker.js';
import type { CacheLog } from '../logging/cache-log.js';
import { HistoryReplay } from './history-replay.js';
import type { OutboxApplier } from './outbox-applier.js';
import { OwnWrites } from './own-writes.js';

/** While rows are dead, how often the outbox is asked whether they still are. */
const RECOUNT_MS = 1_000;

/**
 * The road of invalidations that follow a write: through the outbox where there is one, so that a committed write
 * invalidates whatever dies and a rolled-back one never does (G4), else straight to the log.
 */
export class DurableRoad {
  readonly events = new Emitter<OutboxEvents>();
  readonly worker: OutboxWorker | null;
  private readonly ownWrites: OwnWrites | null;
  private unsubscribe: (() => void) | null = null;
  private dead = 0;
  private recountAfterMs = 0;

  constructor(
    readonly outbox: OutboxStore | null,
    private readonly invalidations: InvalidationService,
    applier: OutboxApplier,
    readonly namespace: string,
    private readonly log: CacheLog,
    private readonly clock: Clock,
    settings: OutboxWorkerSettings = {},
  ) {
    const onDead = () => this.floor();
    const options = resolveOutboxWorkerOptions({ ...settings, events: this.events, onDead, clock });
    this.worker = outbox === null ? null : new OutboxWorker(outbox, applier, namespace, options);
    this.ownWrites = outbox === null ? null : new OwnWrites(outbox, invalidations, namespace, clock);
    this.events.on('failed', ({ error, pauseMs }) => {
      const text = `The outbox could not be drained and is tried again in ${Math.round(pauseMs)} ms.`;
      this.log.warn('outbox drain', text, error);
    });
    this.events.on('published', ({ rows }) => this.ownWrites?.applied(rows));
    this.events.on('dead', ({ row, error }) => {
      this.ownWrites?.applied([row]);
      this.dead += 1;
      const text = `Outbox row ${row.id} is dead; the namespace was flushed in its place.`;
      this.log.error('dead row', text, error);
    });
    // A row that an operator has reset, here or elsewhere, is dead no more.
    this.events.on('drained', () => {
      if (this.dead > 0 && clock.monotonic() >= this.recountAfterMs) void this.recount();
      if (this.ownWrites?.pending === true && applier.available()) void this.askAfterOthers(this.ownWrites);
    });
  }

  /** Dead rows of the namespace: those found at start and those this process gave up, until they are reset. */
  get deadLetters(): number {
    return this.dead;
  }

  /** True while the current call is inside a database transaction, whose reads and writes are nobody else's truth yet. */
  inTransaction(): boolean {
    const transactions = this.outbox?.transactions ?? null;
    return transactions !== null && transactions.current() !== null;
  }

  /**
   * Invalidates after a write. Inside a transaction the intents become rows of it, and a failure to record them is thrown,
   * for the write must not be committed without them. Outside, the write has happened: what cannot be recorded is
   * invalidated directly and repeated until it succeeds (G6, G7).
   */
  async invalidate(intents: readonly InvalidationIntent[], options: InvalidateOptions): Promise<void> {
    if (this.outbox === null) return this.invalidations.invalidateOrRetry(intents, options);
    const inTransaction = this.inTransaction();
    try {
      await this.outbox.record(this.namespace, { intents, reason: options.reason ?? '' });
    } catch (error) {
      if (inTransaction) throw error;
      const text = 'An invalidation could not be recorded in the outbox and is made directly.';
      this.log.error('outbox record', text, error);
      await this.invalidations.invalidateOrRetry(intents, options);
    }
  }

  /**
   * Makes dead rows pending again, all or those with these ids, and has them tried at once here; returns their number. That
   * they will succeed this time nobody can say (G7).
   */
  async resetDeadLetters(ids?: readonly string[]): Promise<number> {
    const revived = (await this.outbox?.resetDeadLetters(this.namespace, ids)) ?? 0;
    await this.recount();
    this.worker?.wake();
    return revived;
  }

  /** Records a batch and says where it stands; for callers who wait for it. */
  record(intents: readonly InvalidationIntent[], reason: string): Promise<InvalidationReceipt> | null {
    return this.outbox?.record(this.namespace, { intents, reason }) ?? null;
  }

  /** Repairs a change of the log's history by applying again what its lost part may have held; one instance at a time. */
  async replay(change: HistoryChange): Promise<ReplayOutcome> {
    const { outbox, worker, namespace, log } = this;
    if (outbox === null || worker === null) return 'impossible';
    const replay = new HistoryReplay(outbox, worker, namespace, log.logger);
    return (await outbox.exclusively(`larder replay ${namespace}`, () => replay.run(change))) ?? 'elsewhere';
  }

  async open(): Promise<void> {
    await this.outbox?.open(this.namespace);
    await this.recount();
    // Before the worker: a commit is forgotten here first, then published.
    this.unsubscribe = this.outbox?.onHint((hint) => this.ownWrites!.committed(hint)) ?? null;
    this.worker?.start();
  }

  async close(): Promise<void> {
    await this.worker?.stop();
    this.unsubscribe?.();
    await this.outbox?.close();
  }

  private async askAfterOthers(ownWrites: OwnWrites): Promise<void> {
    try {
      await ownWrites.askAfterOthers();
    } catch (error) {
      const text = 'It is not known whether other instances have applied what was committed here.';
      this.log.warn('own writes', text, error);
    }
  }

  private async recount(): Promise<void> {
    if (this.outbox === null) return;
    this.recountAfterMs = this.clock.monotonic() + RECOUNT_MS;
    const before = this.dead;
    try {
      const { deadLettered } = await this.outbox.status(this.namespace);
      if (this.dead === before) this.dead = deadLettered; // else one died meanwhile: the next count has it
    } catch (error) {
      const text = `The dead rows of the outbox could not be counted; ${before} are assumed.`;
      this.log.warn('dead rows', text, error);
    }
  }

  /** A row that can never be applied must not leave stale values behind: everything dies in its place. */
  private async floor(): Promise<void> {
    await this.invalidations.invalidate([InvalidationIntent.flush()], { reason: 'dead letter', actor: 'outbox' });
  }
}
