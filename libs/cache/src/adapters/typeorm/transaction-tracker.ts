import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { TransactionContext, type TransactionState } from '../../core/outbox/transaction-context.js';

interface OpenTransaction extends TransactionState {
  readonly queryRunner: QueryRunner;
}

type RunInTransaction = (manager: EntityManager) => Promise<unknown>;

/**
 * Knows which transaction of a data source the current asynchronous call runs in.
 *
 * `dataSource.transaction(…)` runs its callback in a context of its own, which ends with it. A transaction started on a
 * query runner has no callback: there the context is entered when it starts and is void as soon as it has ended.
 */
export class TransactionTracker extends TransactionContext {
  private readonly storage = new AsyncLocalStorage<OpenTransaction>();
  /** Set while `transaction()` starts its query runner, whose context is that of the callback. */
  private starting = false;

  override current(): TransactionState | null {
    return this.open();
  }

  /** The manager of the current transaction, to write in it. */
  currentManager(): EntityManager | null {
    return this.open()?.queryRunner.manager ?? null;
  }

  /** Follows the data source from now on; returns the way back. */
  follow(dataSource: DataSource): () => void {
    const { manager } = dataSource;
    const original = Reflect.get(manager, 'transaction') as (...args: unknown[]) => Promise<unknown>;
    const followed = (first: string | RunInTransaction, second?: RunInTransaction): Promise<unknown> => {
      const [isolation, run] = typeof first === 'string' ? [first, second!] : [null, first];
      const inContext: RunInTransaction = (inner) =>
        this.storage.run({ queryRunner: inner.queryRunner!, isolation }, () => run(inner));
      this.starting = true;
      try {
        return Reflect.apply(original, manager, isolation === null ? [inContext] : [isolation, inContext]);
      } finally {
        this.starting = false;
      }
    };
    Reflect.set(manager, 'transaction', followed);
    return () => {
      if (Reflect.get(manager, 'transaction') === followed) Reflect.set(manager, 'transaction', original);
    };
  }

  /** A query runner starts a transaction; called in the asynchronous context of who starts it. */
  enter(queryRunner: QueryRunner): void {
    if (this.starting || this.open()?.queryRunner === queryRunner) return;
    this.storage.enterWith({ queryRunner, isolation: null });
  }

  private open(): OpenTransaction | null {
    const transaction = this.storage.getStore();
    if (transaction === undefined) return null;
    const { queryRunner } = transaction;
    return queryRunner.isTransactionActive && !queryRunner.isReleased ? transaction : null;
  }
}
