import type { EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import type { InvalidationReceipt } from '../../core/outbox/invalidation-receipt.js';
import type { OutboxBatch } from '../../core/outbox/outbox-intent.js';

/** A batch waiting to be recorded before its transaction, or savepoint, ends. */
export interface GatheredBatch {
  readonly namespace: string;
  readonly batch: OutboxBatch;
}

/** One level of a transaction: the transaction itself, or a savepoint in it. */
interface Frame {
  gathered: GatheredBatch[];
  /** True once its intents have been recorded: what comes later is recorded at once. */
  sealed: boolean;
  readonly receipts: InvalidationReceipt[];
}

type TransactionEvent = { readonly queryRunner: QueryRunner };

/**
 * Follows the transactions of a data source, so that the intents gathered in one become one statement before its commit and
 * the workers hear of them right after it.
 *
 * What TypeORM does, as measured: the hooks fire for savepoints as well; `isTransactionActive` is false only after the
 * outermost end; an error thrown before the commit makes it fail, as it must when intents cannot be recorded; an error
 * thrown after it would reject a transaction that *is* committed, so nothing may be thrown there.
 */
export class WriteLedger implements EntitySubscriberInterface {
  private readonly frames = new WeakMap<QueryRunner, Frame[]>();

  constructor(
    private readonly record: (
      queryRunner: QueryRunner,
      batches: readonly GatheredBatch[],
    ) => Promise<InvalidationReceipt[]>,
    private readonly onCommitted: (receipts: readonly InvalidationReceipt[]) => Promise<void>,
    private readonly onStart: (queryRunner: QueryRunner) => void,
  ) {}

  /** Leaves a batch to be recorded with the others before the commit; outside a transaction it is recorded at once. */
  async gather(manager: EntityManager, gathered: GatheredBatch): Promise<void> {
    const frame = this.currentFrame(manager.queryRunner);
    if (frame === null || frame.sealed) await this.recordNow(manager, gathered);
    else frame.gathered.push(gathered);
  }

  /** Records a batch in the manager's transaction now, or in one of its own. */
  async recordNow(manager: EntityManager, gathered: GatheredBatch): Promise<InvalidationReceipt> {
    const own = manager.queryRunner === undefined;
    const queryRunner = manager.queryRunner ?? manager.connection.createQueryRunner();
    try {
      const [receipt] = await this.record(queryRunner, [gathered]);
      const frame = this.currentFrame(queryRunner);
      if (frame !== null) frame.receipts.push(receipt!);
      else if (!queryRunner.isTransactionActive) await this.onCommitted([receipt!]);
      return receipt!;
    } finally {
      if (own) await queryRunner.release();
    }
  }

  beforeTransactionStart({ queryRunner }: TransactionEvent): void {
    this.onStart(queryRunner);
  }

  afterTransactionStart({ queryRunner }: TransactionEvent): void {
    const frames = this.frames.get(queryRunner) ?? [];
    frames.push({ gathered: [], sealed: false, receipts: [] });
    this.frames.set(queryRunner, frames);
  }

  async beforeTransactionCommit({ queryRunner }: TransactionEvent): Promise<void> {
    const frame = this.currentFrame(queryRunner);
    if (frame === null) return;
    frame.sealed = true;
    const gathered = frame.gathered.splice(0);
    if (gathered.length > 0) frame.receipts.push(...(await this.record(queryRunner, gathered)));
  }

  async afterTransactionCommit({ queryRunner }: TransactionEvent): Promise<void> {
    const ended = this.frames.get(queryRunner)?.pop();
    if (ended === undefined) return;
    if (queryRunner.isTransactionActive) this.currentFrame(queryRunner)?.receipts.push(...ended.receipts);
    else if (ended.receipts.length > 0) await this.onCommitted(ended.receipts);
  }

  afterTransactionRollback({ queryRunner }: TransactionEvent): void {
    this.frames.get(queryRunner)?.pop();
  }

  private currentFrame(queryRunner: QueryRunner | undefined): Frame | null {
    if (queryRunner === undefined) return null;
    return this.frames.get(queryRunner)?.at(-1) ?? null;
  }
}
