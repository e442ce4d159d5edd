import { Injectable } from '@nestjs/common';
import { CacheError } from '../../core/errors/cache-error.js';
import type { InvalidationIntentBatch } from '../../core/invalidation/intent-batch.js';
import type { InvalidationReceipt } from '../../core/outbox/invalidation-receipt.js';
import type { InvalidationWait } from '../../core/outbox/invalidation-wait.js';
import type { OutboxRow } from '../../core/outbox/outbox-row.js';
import type { DeadLetterPage, OutboxStore } from '../../core/outbox/outbox-store.port.js';
import type { OutboxStatus } from '../../core/outbox/outbox-status.js';
import type { InvalidationWaitOutcome } from '../../core/outbox/wait-outcome.js';
import { CacheRuntime } from '../cache-runtime.js';

/** An outbox that can collect beside the writes of a transaction; `typeormOutbox()` is one. */
export interface CollectingOutbox<Transaction, Collector> {
  collect(transaction: Transaction): Collector;
}

/** Durable invalidation by hand: record beside a write, wait for it, look after what failed. */
@Injectable()
export class CacheInvalidations {
  constructor(private readonly runtime: CacheRuntime) {}

  /**
   * Collects what a transaction makes stale: `invalidations.collect(manager).entity('user', 42)`. It is committed with the
   * transaction or not at all (G4).
   *
   * @throws CacheError `LARDER_OUTBOX_MISSING` where the application has no outbox that knows transactions
   */
  collect<Transaction, Collector>(transaction: Transaction): Collector {
    const store = this.outbox();
    if (!('collect' in store)) throw missing('an outbox that follows transactions');
    return (store as unknown as CollectingOutbox<Transaction, Collector>).collect(transaction);
  }

  /** Records a batch in the caller's transaction, or in one of its own, and says where it stands. */
  record(batch: InvalidationIntentBatch): Promise<InvalidationReceipt> {
    return this.outbox().record(this.runtime.namespace, batch);
  }

  /** Waits until a receipt's rows are applied; a time-out is an outcome, never an error (REQ-004-45). */
  wait(receipt: InvalidationReceipt, wait: InvalidationWait): Promise<InvalidationWaitOutcome> {
    return wait.wait(this.outbox(), receipt);
  }

  /** The backlog of this namespace. */
  status(): Promise<OutboxStatus> {
    return this.outbox().status(this.runtime.namespace);
  }

  /** A page of the rows that were given up, oldest first. */
  deadLetters(page: DeadLetterPage): Promise<OutboxRow[]> {
    return this.outbox().deadLetters(this.runtime.namespace, page);
  }

  /** Tries dead rows again, all or those with these ids; returns how many are pending now. */
  async resetDeadLetters(ids?: readonly string[]): Promise<number> {
    this.outbox();
    return this.runtime.durable.resetDeadLetters(ids);
  }

  private outbox(): OutboxStore {
    const { outbox } = this.runtime.durable;
    if (outbox === null) throw missing('an outbox');
    return outbox;
  }
}

function missing(what: string): CacheError {
  return new CacheError(
    'LARDER_OUTBOX_MISSING',
    `Expected the application to have ${what}, got none. Configure one: CacheModule.forRoot({ outbox: typeormOutbox({ dataSource }) }).`,
  );
}
