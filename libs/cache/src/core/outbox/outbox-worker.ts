import type { Timer } from '../clock/clock.port.js';
import { BatchDelivery } from './batch-delivery.js';
import type { CommitPosition } from './commit-position.js';
import type { InvalidationApplier } from './invalidation-applier.js';
import type { LostPositions } from './lost-positions.js';
import { UnreadableIntent } from './outbox-intent.js';
import type { OutboxRow } from './outbox-row.js';
import type { OutboxPublishReport, OutboxWorkerDiagnostics } from './outbox-report.js';
import type { OutboxHint, OutboxStore } from './outbox-store.port.js';
import {
  resolveOutboxWorkerOptions,
  type OutboxWorkerOptions,
  type ResolvedOutboxWorkerOptions,
} from './outbox-worker.options.js';
import { PollLoop } from './poll-loop.js';

/** Part of the time for stopping that is kept for giving back what did not finish. */
const GIVE_BACK_SHARE = 0.2;
/** A replay of so many rows takes longer than the cache takes to fill anew. */
const MOST_REPLAYED = 100_000;
const REPLAY_PAGE = 500;
const PRUNE_BATCH = 1_000;
const PRUNE_INTERVAL_MS = 60_000;
const NOTHING_CLAIMED: OutboxPublishReport = Object.freeze({ claimed: 0, published: 0, retried: 0, deadLettered: 0 });

/**
 * Drains the outbox of one namespace: claim → apply → mark. It is the guarantee behind every durable invalidation (G4);
 * the fast path after a commit and the notifications of the database only make it sooner.
 *
 * A failed row is tried again after a constant backoff and is dead after `maxAttempts`. An infrastructure failure is not
 * the row's fault: the claims are given back, nothing is counted, and the loop pauses for longer and longer.
 * Any number of workers may drain one namespace.
 */
export class OutboxWorker {
  /** The options in force. */
  readonly options: ResolvedOutboxWorkerOptions;
  private readonly totals = { iterations: 0, claimed: 0, published: 0, retried: 0, deadLettered: 0 };
  /** The batches in hand. */
  private readonly deliveries = new Map<BatchDelivery, Promise<unknown>>();
  private readonly loop: PollLoop;
  private unsubscribe: (() => void) | null = null;
  private stopping = false;
  private pruneAfterMs = 0;

  constructor(
    private readonly outbox: OutboxStore,
    private readonly applier: InvalidationApplier,
    readonly namespace: string,
    options?: OutboxWorkerOptions,
  ) {
    this.options = resolveOutboxWorkerOptions(options);
    this.loop = new PollLoop(
      () => this.drain(),
      this.options,
      (error, pauseMs) => {
        this.options.events?.emit('failed', { namespace, error, pauseMs });
      },
    );
  }

  /** Totals of completed iterations; one that a store error broke off is not counted (REQ-004-30). */
  diagnostics(): OutboxWorkerDiagnostics {
    return { ...this.totals };
  }

  /**
   * One iteration: claim → apply → mark.
   *
   * @throws whatever the store throws; claimed rows are then taken up again when their claim lapses
   */
  async runOnce(): Promise<OutboxPublishReport> {
    return this.iterate();
  }

  /** Publishes the rows of one commit now: the fast path after it. Leaves to the loop what cannot be applied. */
  async publishCommit(commitPosition: CommitPosition): Promise<void> {
    let report: OutboxPublishReport;
    do report = await this.iterate(commitPosition);
    while (report.published === this.options.batchSize);
  }

  /**
   * Applies again what a lost part of the log may have held (G4), and notes where: what a second loss takes is found by the
   * next replay, and so is what an interrupted replay left. Applying is idempotent, so rows that were not lost do no harm.
   *
   * @returns how many rows were applied again; `null` when they are more than is worth it, and some are left
   * @throws whatever store or applier throw; the replay may then be begun anew
   */
  async replay(lost: LostPositions): Promise<number | null> {
    const { namespace } = this;
    let replayed = 0;
    for (let afterId = ''; ;) {
      const rows = await this.outbox.replayable({ ...lost, namespace, afterId, limit: REPLAY_PAGE });
      await this.applyAgain(rows.filter(({ intent }) => !(intent instanceof UnreadableIntent)));
      replayed += rows.length;
      if (rows.length < REPLAY_PAGE) return replayed;
      if (replayed >= MOST_REPLAYED) return null;
      afterId = rows.at(-1)!.id;
    }
  }

  /** Re-enables all dead rows of the namespace; for operators. */
  resetDeadLetters(): Promise<number> {
    return this.outbox.resetDeadLetters(this.namespace);
  }

  /** Starts the background loop and follows the store's hints. */
  start(): void {
    this.stopping = false;
    this.unsubscribe ??= this.outbox.onHint((hint) => this.follow(hint));
    this.loop.start();
  }

  /** Ends the pause of the background loop; without effect while the loop pauses because of a failure. */
  wake(): void {
    this.loop.wake();
  }

  /** Stops claiming, finishes the batch in hand within `stopTimeoutMs` and gives back the rest. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.unsubscribe?.();
    this.unsubscribe = null;
    const inHand = Promise.allSettled([this.loop.stop(), ...this.deliveries.values()]);
    if (await this.within(this.options.stopTimeoutMs * (1 - GIVE_BACK_SHARE), inHand)) return;
    const givenBack = Promise.allSettled([...this.deliveries.keys()].map((delivery) => delivery.abandon()));
    await this.within(this.options.stopTimeoutMs * GIVE_BACK_SHARE, givenBack);
  }

  private async within(ms: number, work: Promise<unknown>): Promise<boolean> {
    let deadline: Timer | undefined;
    const late = new Promise<false>((resolve) => {
      deadline = this.options.clock.schedule(ms, () => resolve(false));
    });
    try {
      return await Promise.race([work.then(() => true), late]);
    } finally {
      deadline?.cancel();
    }
  }

  /** Rows with the same target are applied once. */
  private async applyAgain(rows: readonly OutboxRow[]): Promise<void> {
    const { applier, options } = this;
    const targets = [...new Map(rows.map((row) => [row.targetHash, row])).values()];
    const idsOf = (of: readonly OutboxRow[]): string[] => {
      const hashes = new Set(of.map(({ targetHash }) => targetHash));
      return rows.filter(({ targetHash }) => hashes.has(targetHash)).map(({ id }) => id);
    };
    const size = applier.applyBatch === undefined ? 1 : options.batchSize;
    for (let at = 0; at < targets.length; at += size) {
      const batch = targets.slice(at, at + size);
      const [first] = batch;
      const position =
        applier.applyBatch === undefined
          ? await applier.applyInvalidation(first!.intent, first!)
          : await applier.applyBatch(batch);
      await this.outbox.markReplayed(idsOf(batch), position ?? null);
    }
  }

  /** True while more may be waiting. */
  private async drain(): Promise<'more' | 'idle' | 'failing'> {
    const { claimed, published, retried, deadLettered } = await this.iterate();
    if (claimed > published + retried + deadLettered) return 'failing';
    return claimed === this.options.batchSize || (claimed === 0 && (await this.prune())) ? 'more' : 'idle';
  }

  /** In idle moments, a bounded piece at a time. True while more is due. */
  private async prune(): Promise<boolean> {
    const now = this.options.clock.monotonic();
    if (now < this.pruneAfterMs) return false;
    const pruned = await this.outbox.prune(this.namespace, this.options.retentionMs, PRUNE_BATCH);
    if (pruned === PRUNE_BATCH) return true;
    this.pruneAfterMs = now + PRUNE_INTERVAL_MS;
    return false;
  }

  private async follow(hint: OutboxHint): Promise<void> {
    if (hint.namespace !== null && hint.namespace !== this.namespace) return;
    if (hint.commitPosition === null) this.wake();
    else await this.publishCommit(hint.commitPosition);
  }

  private async iterate(commitPosition?: CommitPosition): Promise<OutboxPublishReport> {
    const { clock, events } = this.options;
    const startedMs = clock.monotonic();
    const rows = this.mayClaim() ? await this.claim(commitPosition) : [];
    const report = rows.length === 0 ? NOTHING_CLAIMED : { claimed: rows.length, ...(await this.deliver(rows)) };
    this.count(report);
    events?.emit('drained', { namespace: this.namespace, report, elapsedMs: clock.monotonic() - startedMs });
    return report;
  }

  private mayClaim(): boolean {
    return !this.stopping && this.applier.available?.() !== false;
  }

  private claim(commitPosition?: CommitPosition): Promise<OutboxRow[]> {
    const { owner, batchSize, claimTtlMs } = this.options;
    return this.outbox.claim(this.namespace, owner, batchSize, claimTtlMs, commitPosition);
  }

  private async deliver(rows: readonly OutboxRow[]): Promise<Omit<OutboxPublishReport, 'claimed'>> {
    const delivery = new BatchDelivery(rows, this.outbox, this.applier, this.options, () => this.stopping);
    const running = delivery.run();
    this.deliveries.set(delivery, running);
    try {
      return await running;
    } finally {
      this.deliveries.delete(delivery);
    }
  }

  private count(report: OutboxPublishReport): void {
    this.totals.iterations += 1;
    this.totals.claimed += report.claimed;
    this.totals.published += report.published;
    this.totals.retried += report.retried;
    this.totals.deadLettered += report.deadLettered;
  }
}
