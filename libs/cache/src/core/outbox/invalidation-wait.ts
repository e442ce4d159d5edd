import type { Clock } from '../clock/clock.port.js';
import { SystemClock } from '../clock/system-clock.js';
import type { Emitter } from '../events/emitter.js';
import type { InvalidationReceipt } from './invalidation-receipt.js';
import type { OutboxStore } from './outbox-store.port.js';
import type { OutboxEvents } from './outbox.events.js';
import type { ConsistencyMode, InvalidationWaitDiagnostics, InvalidationWaitOutcome } from './wait-outcome.js';

/** Which rows are waited for: those of the receipt's own commit, or every pending row of the namespace (the seed's rule). */
export type WaitScope = 'commit' | 'namespace';

/** Answers `true` once every live instance has applied the log up to `position`, `false` after `timeoutMs`. */
export type ClusterBarrier = (position: string | null, timeoutMs: number) => Promise<boolean>;

/** Settings of an {@link InvalidationWait}. */
export interface InvalidationWaitOptions {
  /** @default 'commit' */
  readonly scope?: WaitScope;
  /** Pause between two looks at the outbox, ms. @default 10 */
  readonly pollIntervalMs?: number;
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** Where outcomes are announced. @default nowhere */
  readonly events?: Emitter<OutboxEvents>;
}

export const INVALIDATION_WAIT_DEFAULTS = Object.freeze({ scope: 'commit', pollIntervalMs: 10 } as const);

type Look = Pick<InvalidationWaitOutcome, 'pending'> & {
  readonly state: 'done' | 'waiting' | 'failed';
  readonly position: string | null;
};

/**
 * Read after write: waits until the invalidation a receipt stands for has been applied. A satisfied wait means that all its
 * rows are published (I14); a dead letter of the commit is never reported as satisfied.
 */
export class InvalidationWait {
  private readonly totals = { waits: 0, satisfied: 0, timedOut: 0, degraded: 0 };
  private readonly clock: Clock;

  private constructor(
    readonly mode: ConsistencyMode,
    private readonly timeoutMs: number,
    private readonly options: InvalidationWaitOptions,
    private readonly barrier: ClusterBarrier | null = null,
  ) {
    this.clock = options.clock ?? new SystemClock();
  }

  /** Returns at once, without looking at the outbox. */
  static noWait(options: InvalidationWaitOptions = {}): InvalidationWait {
    return new InvalidationWait('noWait', 0, options);
  }

  static local(timeoutMs: number, options: InvalidationWaitOptions = {}): InvalidationWait {
    return new InvalidationWait('local', timeoutMs, options);
  }

  static bestEffort(timeoutMs: number, options: InvalidationWaitOptions = {}): InvalidationWait {
    return new InvalidationWait('bestEffort', timeoutMs, options);
  }

  /** Waits for the rows, then for every live instance by the log's barrier (G9). */
  static cluster(timeoutMs: number, barrier: ClusterBarrier, options: InvalidationWaitOptions = {}): InvalidationWait {
    return new InvalidationWait('cluster', timeoutMs, options, barrier);
  }

  /** The same wait with another polling interval, and totals of its own. */
  pollInterval(pollIntervalMs: number): InvalidationWait {
    return new InvalidationWait(this.mode, this.timeoutMs, { ...this.options, pollIntervalMs }, this.barrier);
  }

  /** The same wait for other rows, and totals of its own. */
  scope(scope: WaitScope): InvalidationWait {
    return new InvalidationWait(this.mode, this.timeoutMs, { ...this.options, scope }, this.barrier);
  }

  diagnostics(): InvalidationWaitDiagnostics {
    return { ...this.totals };
  }

  /**
   * Waits for the receipt's rows; the outbox is looked at before the time is, so a timeout of 0 still sees a finished one.
   *
   * @throws whatever the store throws; such a wait is not counted
   */
  async wait(outbox: OutboxStore, receipt: InvalidationReceipt): Promise<InvalidationWaitOutcome> {
    const startedMs = this.clock.monotonic();
    if (this.mode === 'noWait') return this.conclude(startedMs, 'satisfied', 0);
    for (;;) {
      const look = await this.look(outbox, receipt);
      if (look.state === 'done') return this.awaitInstances(startedMs, look.position);
      if (look.state === 'failed') return this.conclude(startedMs, 'degraded', look.pending);
      const remainingMs = this.remainingMs(startedMs);
      if (remainingMs <= 0) return this.conclude(startedMs, 'timedOut', look.pending);
      await this.clock.sleep(Math.min(this.pollIntervalMs, remainingMs));
    }
  }

  private look(outbox: OutboxStore, receipt: InvalidationReceipt): Promise<Look> {
    return (this.options.scope ?? INVALIDATION_WAIT_DEFAULTS.scope) === 'commit'
      ? lookAtCommit(outbox, receipt)
      : lookAtNamespace(outbox, receipt);
  }

  private async awaitInstances(startedMs: number, position: string | null): Promise<InvalidationWaitOutcome> {
    const reached = this.barrier === null || (await this.barrier(position, Math.max(0, this.remainingMs(startedMs))));
    return this.conclude(startedMs, reached ? 'satisfied' : 'timedOut', 0);
  }

  private conclude(
    startedMs: number,
    end: 'satisfied' | 'degraded' | 'timedOut',
    pending: number,
  ): InvalidationWaitOutcome {
    const outcome: InvalidationWaitOutcome = {
      mode: this.mode,
      satisfied: end === 'satisfied',
      degraded: end !== 'satisfied',
      timedOut: end === 'timedOut',
      pending,
      elapsedMs: this.clock.monotonic() - startedMs,
    };
    this.totals.waits += 1;
    if (outcome.satisfied) this.totals.satisfied += 1;
    if (outcome.timedOut) this.totals.timedOut += 1;
    if (outcome.degraded) this.totals.degraded += 1;
    this.options.events?.emit('waited', outcome);
    return outcome;
  }

  private get pollIntervalMs(): number {
    return this.options.pollIntervalMs ?? INVALIDATION_WAIT_DEFAULTS.pollIntervalMs;
  }

  private remainingMs(startedMs: number): number {
    return this.timeoutMs - (this.clock.monotonic() - startedMs);
  }
}

/** A receipt that does not know its number of rows is satisfied, as in the seed, when none of them is pending or dead. */
async function lookAtCommit(outbox: OutboxStore, receipt: InvalidationReceipt): Promise<Look> {
  const commit = await outbox.statusForCommit(receipt.namespace, receipt.commitPosition);
  const { pending, appliedPosition: position } = commit;
  if (commit.deadLettered > 0) return { state: 'failed', pending, position };
  const complete = pending === 0 && commit.rows >= (receipt.rows ?? 0);
  return { state: complete ? 'done' : 'waiting', pending, position };
}

async function lookAtNamespace(outbox: OutboxStore, receipt: InvalidationReceipt): Promise<Look> {
  const { pending } = await outbox.status(receipt.namespace);
  if (pending > 0) return { state: 'waiting', pending, position: null };
  const commit = await outbox.statusForCommit(receipt.namespace, receipt.commitPosition);
  return { state: commit.deadLettered > 0 ? 'failed' : 'done', pending, position: commit.appliedPosition };
}
