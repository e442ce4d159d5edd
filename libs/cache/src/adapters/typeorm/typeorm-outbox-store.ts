import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { CacheError } from '../../core/errors/cache-error.js';
import { CommitPosition } from '../../core/outbox/commit-position.js';
import type { InvalidationReceipt } from '../../core/outbox/invalidation-receipt.js';
import type { OutboxBatch } from '../../core/outbox/outbox-intent.js';
import type { OutboxRow, RowClaim, RowReference } from '../../core/outbox/outbox-row.js';
import type { CommitStatus, OutboxStatus } from '../../core/outbox/outbox-status.js';
import {
  OutboxStore,
  type DeadLetterPage,
  type OutboxHintListener,
  type ReplayRequest,
} from '../../core/outbox/outbox-store.port.js';
import { CacheEntitySubscriber } from './cache-entity-subscriber.js';
import { CommitAnnouncer } from './commit-announcer.js';
import { assertSupported, dialectOf } from './dialects.js';
import { byFence, type FencedIds } from './fenced-ids.js';
import { connectionOf, whileElected, whileHolding, withQueryRunner } from './held-connection.js';
import { TypeOrmInvalidationCollector } from './invalidation-collector.js';
import { NotificationListener } from './notification-listener.js';
import type { Answer, Database, OutboxDialect, OutboxStatements } from './outbox-dialect.js';
import {
  storableText,
  toOutboxRow,
  type StoredCommitStatus,
  type StoredOutboxRow,
  type StoredStatus,
} from './outbox-row-mapping.js';
import { writeBatches, writeRows } from './outbox-writer.js';
import { checkSchema, installSchema } from './schema.js';
import { OUTBOX_CHANNEL, OUTBOX_TABLE } from './sql/tables.js';
import { TransactionTracker } from './transaction-tracker.js';
import { TypeOrmHistoryAnchor } from './typeorm-history-anchor.js';
import { TYPE_ORM_OUTBOX_DEFAULTS, type TypeOrmOutboxOptions } from './typeorm-outbox.options.js';
import { WriteLedger } from './write-ledger.js';

/**
 * The outbox in a SQL database, beside the data: intents are written in the transaction that changes the data, so they are
 * committed with it or not at all (G4). Times are the database's own.
 */
export class TypeOrmOutboxStore extends OutboxStore {
  override readonly shared = true;
  override readonly transactions = new TransactionTracker();
  /** Beside the outbox the database says which history of the shared log counts; see `CacheModuleOptions.anchor`. */
  readonly anchor: TypeOrmHistoryAnchor;
  private readonly options: Required<Omit<TypeOrmOutboxOptions, 'dataSource'>>;
  private readonly ledger: WriteLedger;
  private readonly announcer: CommitAnnouncer;
  private readonly entities: CacheEntitySubscriber;
  private dataSource: DataSource | null;
  private namespace = 'app';
  private listener: NotificationListener | null = null;
  private unfollow: (() => void) | null = null;

  constructor(options: TypeOrmOutboxOptions = {}) {
    super();
    const { dataSource = null, ...rest } = options;
    this.dataSource = dataSource;
    this.options = { ...TYPE_ORM_OUTBOX_DEFAULTS, ...rest } as typeof this.options;
    this.anchor = new TypeOrmHistoryAnchor(() => this.source(), this.options.schema);
    this.announcer = new CommitAnnouncer(this.options, async () => {
      const { notify } = this.dialect();
      if (notify !== null) await this.source().query(notify);
    });
    this.ledger = new WriteLedger(
      (database, batches, transaction) => writeBatches({ dialect: this.dialect(), database, transaction }, batches),
      (queryRunner, hints) => whileHolding(queryRunner, () => this.announcer.committed(hints)),
      (queryRunner) => this.transactions.enter(queryRunner),
    );
    this.entities = new CacheEntitySubscriber((manager, batch) => this.gather(manager, batch));
  }

  /** Gives the store its data source, where none was given at first: for dependency injection. */
  bind(dataSource: DataSource): this {
    this.dataSource ??= dataSource;
    return this;
  }

  /**
   * Checks the database, creates or checks the schema, and begins to follow transactions and notifications.
   *
   * @throws CacheError `LARDER_DATABASE_UNSUPPORTED`, `LARDER_SCHEMA_MISSING`, `LARDER_SCHEMA_UNKNOWN`, `LARDER_OPTION_INVALID`
   */
  override async open(namespace = this.namespace): Promise<void> {
    this.namespace = namespace;
    if (this.unfollow !== null) return;
    const dataSource = this.source();
    await assertSupported(dataSource, 'outbox');
    if (this.options.schema === 'check') await checkSchema(dataSource, OUTBOX_TABLE);
    else await withQueryRunner(dataSource, (queryRunner) => installSchema(queryRunner, OUTBOX_TABLE));
    const stopTracking = this.transactions.follow(dataSource);
    // The ledger comes first: it opens the frame of a transaction before an entity of it can change.
    const subscribers = [this.ledger, this.entities];
    dataSource.subscribers.push(...subscribers);
    this.unfollow = () => {
      stopTracking();
      for (const subscriber of subscribers) {
        dataSource.subscribers.splice(dataSource.subscribers.indexOf(subscriber), 1);
      }
    };
    if (!this.options.listen || this.dialect().notify === null) return;
    this.listener = new NotificationListener(dataSource, OUTBOX_CHANNEL, () => this.announcer.woken());
    await this.listener.open();
  }

  override async close(): Promise<void> {
    this.unfollow?.();
    this.unfollow = null;
    this.announcer.close();
    await this.listener?.close();
    this.listener = null;
  }

  override async enqueue(
    namespace: string,
    commitPosition: CommitPosition | string,
    batch: OutboxBatch,
  ): Promise<number> {
    if (batch.intents.length === 0) return 0;
    const position = CommitPosition.from(commitPosition);
    const target = { dialect: this.dialect(), database: this.database() };
    const { rows } = await writeRows(target, namespace, [batch], position);
    const { intents } = batch;
    if (rows! > 0) await this.announcer.committed([{ namespace, commitPosition: position, intents }]);
    return rows!;
  }

  override record(namespace: string, batch: OutboxBatch): Promise<InvalidationReceipt> {
    return this.recordWithin(this.transactions.currentManager() ?? this.source().manager, namespace, batch);
  }

  /** Records a batch in the manager's transaction, now and in one statement; in one of its own where it has none. */
  recordWithin(manager: EntityManager, namespace: string, batch: OutboxBatch): Promise<InvalidationReceipt> {
    return this.ledger.recordNow(manager, { namespace, batch });
  }

  /**
   * Collects what the manager's transaction makes stale; it is recorded before the commit, in one statement with all else
   * that is collected there.
   *
   * @throws CacheError `LARDER_TRANSACTION_REQUIRED` where the manager is not in a transaction
   */
  collect(manager: EntityManager, namespace = this.namespace): TypeOrmInvalidationCollector {
    const batch = new TypeOrmInvalidationCollector();
    if (this.ledger.gather(manager, { namespace, batch, seal: () => batch.seal() })) return batch;
    throw new CacheError(
      'LARDER_TRANSACTION_REQUIRED',
      'Expected the manager of an open transaction, got one without. Collect inside `dataSource.transaction((manager) => …)`, or use `record()`.',
    );
  }

  override async claim(
    namespace: string,
    owner: string,
    limit: number,
    claimTtlMs: number,
    commitPosition?: CommitPosition,
  ): Promise<OutboxRow[]> {
    if (limit <= 0) return [];
    const position = commitPosition?.asStr() ?? null;
    const rows = await this.dialect().claim(this.database(), { namespace, owner, limit, claimTtlMs, position });
    return rows.map(toOutboxRow).sort(byAvailability);
  }

  override async markPublished(rows: readonly RowReference[], appliedPosition: string | null = null): Promise<number> {
    let total = 0;
    for (const [ids, fence] of byFence(rows)) {
      total += await this.dialect().publish(this.database(), ids, fence, appliedPosition);
    }
    return total;
  }

  override async markFailed(row: RowReference, error: string, backoffMs: number, dead: boolean): Promise<boolean> {
    return (await this.mark('markFailed', [row], storableText(error), Math.ceil(backoffMs), dead)) > 0;
  }

  override async release(rows: readonly RowClaim[], delayMs = 0): Promise<number> {
    return this.mark('release', rows, Math.ceil(delayMs));
  }

  override async renew(rows: readonly RowClaim[]): Promise<string[]> {
    const renew = ([ids, fence]: FencedIds) => this.dialect().renew(this.database(), ids, fence);
    return (await Promise.all(byFence(rows).map(renew))).flat();
  }

  override async resetDeadLetters(namespace: string, ids?: readonly string[]): Promise<number> {
    if (ids === undefined) return (await this.run('resetDeadLetters', namespace)).affected;
    return ids.length === 0 ? 0 : (await this.run('resetDeadLettersById', namespace, ids)).affected;
  }

  override async status(namespace: string): Promise<OutboxStatus> {
    const row = (await this.run<StoredStatus>('status', namespace)).rows[0]!;
    return {
      pending: Number(row.pending),
      oldestPendingAgeMs: row.oldest_ms === null ? 0 : Math.max(0, Number(row.now_ms) - Number(row.oldest_ms)),
      deadLettered: Number(row.dead),
      lastPublishedAtMs: row.published_ms === null ? null : Number(row.published_ms),
      failedAttempts: Number(row.attempts),
    };
  }

  override async statusForCommit(namespace: string, commitPosition: CommitPosition | string): Promise<CommitStatus> {
    const position = CommitPosition.from(commitPosition).asStr();
    const row = (await this.run<StoredCommitStatus>('statusForCommit', namespace, position)).rows[0]!;
    return {
      rows: Number(row.rows),
      pending: Number(row.pending),
      published: Number(row.published),
      deadLettered: Number(row.dead),
      appliedPosition: row.applied_pos,
    };
  }

  override async find(id: string): Promise<OutboxRow | null> {
    const [row] = (await this.run<StoredOutboxRow>('find', id)).rows;
    return row === undefined ? null : toOutboxRow(row);
  }

  override async deadLetters(namespace: string, { limit, after }: DeadLetterPage): Promise<OutboxRow[]> {
    const { createdAtMs, id } = after ?? { createdAtMs: -1, id: '' };
    return (await this.run<StoredOutboxRow>('deadLetters', namespace, limit, createdAtMs, id)).rows.map(toOutboxRow);
  }

  override async replayable(request: ReplayRequest): Promise<OutboxRow[]> {
    const { namespace, afterId = '', limit, from, preserved } = request;
    // What has no end has none there either: each database knows another word for a missing value than JSON's own.
    const list = JSON.stringify(preserved.map(({ upTo, ...rest }) => (upTo === null ? rest : { ...rest, upTo })));
    return (await this.run<StoredOutboxRow>('replayable', namespace, afterId, limit, from, list)).rows.map(toOutboxRow);
  }

  override async markReplayed(ids: readonly string[], appliedPosition: string | null): Promise<void> {
    if (ids.length > 0) await this.run('markReplayed', ids, appliedPosition);
  }

  override exclusively<Result>(name: string, work: () => Promise<Result>): Promise<Result | null> {
    const elected = (queryRunner: QueryRunner) => whileElected(queryRunner, this.dialect(), name, work);
    return withQueryRunner(this.source(), elected);
  }

  override async prune(namespace: string, olderThanMs: number, limit: number): Promise<number> {
    return (await this.run('prune', namespace, Math.ceil(olderThanMs), limit)).affected;
  }

  override onHint(listener: OutboxHintListener): () => void {
    return this.announcer.subscribe(listener);
  }

  /** Before the commit where there is one to come, else at once. */
  private async gather(manager: EntityManager, batch: OutboxBatch): Promise<void> {
    const { namespace } = this;
    if (!this.ledger.gather(manager, { namespace, batch })) await this.ledger.recordNow(manager, { namespace, batch });
  }

  /** One statement per fence; workers mark the rows of one claim at a time. */
  private async mark(
    name: 'markFailed' | 'release',
    rows: readonly RowReference[],
    ...parameters: unknown[]
  ): Promise<number> {
    let changed = 0;
    for (const group of byFence(rows)) changed += (await this.run(name, ...group, ...parameters)).affected;
    return changed;
  }

  private run<Row>(name: keyof OutboxStatements, ...parameters: unknown[]): Promise<Answer<Row>> {
    const dialect = this.dialect();
    return dialect.run<Row>(this.database(), dialect.statements[name], parameters);
  }

  private dialect(): OutboxDialect {
    return dialectOf(this.source());
  }

  private database(): Database {
    return connectionOf(this.source());
  }

  private source(): DataSource {
    if (this.dataSource !== null) return this.dataSource;
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      'Expected `typeormOutbox` to have a DataSource, got none. Pass `typeormOutbox({ dataSource })`, or import TypeOrmModule in the application.',
    );
  }
}

/** `RETURNING` promises no order. */
function byAvailability(a: OutboxRow, b: OutboxRow): number {
  return a.availableAtMs - b.availableAtMs || a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1);
}
