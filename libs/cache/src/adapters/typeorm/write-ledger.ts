import type { EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import type { InvalidationReceipt } from '../../core/outbox/invalidation-receipt.js';
import type { OutboxHint } from '../../core/outbox/outbox-store.port.js';
import type { GatheredBatch } from './outbox-writer.js';

/** A batch waiting to be recorded before its transaction, or savepoint, ends. Until then it may grow. */
interface WaitingBatch extends GatheredBatch {
  /** Called when the batch is read: from then on it may not grow. */
  readonly seal?: () => void;
}

/** One level of a transaction: the transaction itself, or a savepoint in it. */
interface Frame {
  gathered: WaitingBatch[];
  /** True once its intents have been recorded: what comes later is recorded at once. */
  sealed: boolean;
  /** What it has recorded so far; told when all is committed. */
  readonly recorded: OutboxHint[];
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
    /** `transaction`: one object for one transaction. */
    private readonly record: (
      queryRunner: QueryRunner,
      batches: readonly GatheredBatch[],
      transaction: object | undefined,
    ) => Promise<InvalidationReceipt[]>,
    /** Given the query runner, whose transaction is over and whose connection is still held, and free. */
    private readonly onCommitted: (queryRunner: QueryRunner, hints: readonly OutboxHint[]) => Promise<void>,
    private readonly onStart: (queryRunner: QueryRunner) => void,
  ) {}

  /**
   * Leaves a batch to be recorded with the others before the manager's transaction, or savepoint, ends. `false` where there
   * is none to wait for.
   */
  gather(manager: EntityManager, waiting: WaitingBatch): boolean {
    const frame = this.currentFrame(manager.queryRunner);
    if (frame === null || frame.sealed) return false;
    frame.gathered.push(waiting);
    return true;
  }

  /** Records a batch in the manager's transaction now, or in one of its own. */
  async recordNow(manager: EntityManager, gathered: GatheredBatch): Promise<InvalidationReceipt> {
    const borrowed = manager.queryRunner;
    const queryRunner = borrowed ?? manager.connection.createQueryRunner();
    try {
      const [receipt] = await this.record(queryRunner, [gathered], this.transactionOf(queryRunner));
      const frame = this.currentFrame(queryRunner);
      const recorded = said([receipt!], [gathered]);
      if (frame !== null) frame.recorded.push(...recorded);
      else if (!queryRunner.isTransactionActive) await this.onCommitted(queryRunner, recorded);
      return receipt!;
    } finally {
      if (borrowed === undefined) await queryRunner.release();
    }
  }

  beforeTransactionStart({ queryRunner }: TransactionEvent): void {
    this.onStart(queryRunner);
  }

  afterTransactionStart({ queryRunner }: TransactionEvent): void {
    const frames = this.frames.get(queryRunner) ?? [];
    frames.push({ gathered: [], sealed: false, recorded: [] });
    this.frames.set(queryRunner, frames);
  }

  async beforeTransactionCommit({ queryRunner }: TransactionEvent): Promise<void> {
    const frame = this.currentFrame(queryRunner);
    if (frame === null) return;
    frame.sealed = true;
    const waiting = frame.gathered.splice(0);
    for (const { seal } of waiting) seal?.();
    const filled = waiting.filter(({ batch }) => batch.intents.length > 0);
    if (filled.length > 0)
      frame.recorded.push(...said(await this.record(queryRunner, filled, this.transactionOf(queryRunner)), filled));
  }

  async afterTransactionCommit({ queryRunner }: TransactionEvent): Promise<void> {
    const ended = this.frames.get(queryRunner)?.pop();
    if (ended === undefined) return;
    if (queryRunner.isTransactionActive) this.currentFrame(queryRunner)?.recorded.push(...ended.recorded);
    else if (ended.recorded.length > 0) await this.onCommitted(queryRunner, byNamespace(ended.recorded));
  }

  afterTransactionRollback({ queryRunner }: TransactionEvent): void {
    this.frames.get(queryRunner)?.pop();
  }

  /** The outermost frame stands for the transaction, whatever savepoints are in it. */
  private transactionOf(queryRunner: QueryRunner): object | undefined {
    return this.frames.get(queryRunner)?.[0];
  }

  private currentFrame(queryRunner: QueryRunner | undefined): Frame | null {
    if (queryRunner === undefined) return null;
    return this.frames.get(queryRunner)?.at(-1) ?? null;
  }
}

/** Which batches each receipt stands for. */
function said(receipts: readonly InvalidationReceipt[], batches: readonly GatheredBatch[]): OutboxHint[] {
  return receipts.map(({ namespace, commitPosition }) => {
    const own = batches.filter((each) => each.namespace === namespace);
    return { namespace, commitPosition, intents: own.flatMap(({ batch }) => batch.intents) };
  });
}

/** One transaction has one position: all it has recorded for a namespace is one commit of it. */
function byNamespace(recorded: readonly OutboxHint[]): OutboxHint[] {
  return [...new Set(recorded.map(({ namespace }) => namespace))].map((namespace) => {
    const own = recorded.filter((each) => each.namespace === namespace);
    return { ...own[0]!, intents: own.flatMap(({ intents }) => intents) };
  });
}
