import type { DataSource, EntityManager } from 'typeorm';
import { verifyChain, type AuditHead, type AuditTrust, type AuditVerification } from '../../core/audit/audit-chain.js';
import { resolveAuditQuery, type AuditPage, type AuditQuery } from '../../core/audit/audit-query.js';
import {
  sameRequest,
  type AuditAppendResult,
  type AuditEntry,
  type AuditRecord,
} from '../../core/audit/audit-record.js';
import { AuditStore } from '../../core/audit/audit-store.port.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { assertSupported } from './dialects.js';
import { connectionOf } from './held-connection.js';
import { storableText } from './outbox-row-mapping.js';
import { checkSchema, installSchema } from './schema.js';
import {
  APPEND_AUDIT,
  AUDIT_CHAIN_PAGE,
  AUDIT_HEAD,
  COUNT_AUDIT,
  FIND_AUDIT,
  LIST_AUDIT,
} from './sql/postgres/audit-rows.js';
import { AUDIT_TABLE } from './sql/tables.js';
import { TYPE_ORM_AUDIT_DEFAULTS, type TypeOrmAuditOptions } from './typeorm-audit.options.js';

type Database = Pick<DataSource, 'query'>;

interface StoredAuditRow {
  readonly id: string;
  readonly namespace: string;
  readonly pattern: string;
  readonly keys: string[] | null;
  readonly triggered_by: string;
  readonly reason: string;
  readonly timestamp_ms: string;
  readonly request_id: string;
  readonly latency_ms: string | null;
  readonly key_count: string | null;
  readonly request_hash: string;
  readonly prev_hash: string;
  readonly hash: string;
}

type AddedByDatabase = Pick<StoredAuditRow, 'id' | 'prev_hash' | 'hash'>;

const VERIFY_PAGE = 1_000;

/**
 * The audit log in PostgreSQL. The database itself refuses to change or delete rows, chains them, and keeps one per
 * namespace and request id.
 */
export class TypeOrmAuditStore extends AuditStore {
  private readonly schema: NonNullable<TypeOrmAuditOptions['schema']>;
  private dataSource: DataSource | null;

  constructor(options: TypeOrmAuditOptions = {}) {
    super();
    this.dataSource = options.dataSource ?? null;
    this.schema = options.schema ?? TYPE_ORM_AUDIT_DEFAULTS.schema;
  }

  /** Gives the store its data source, where none was given at first: for dependency injection. */
  bind(dataSource: DataSource): this {
    this.dataSource ??= dataSource;
    return this;
  }

  /** @throws CacheError `LARDER_DATABASE_UNSUPPORTED`, `LARDER_SCHEMA_MISSING`, `LARDER_SCHEMA_UNKNOWN` */
  override async open(): Promise<void> {
    const dataSource = this.database();
    await assertSupported(dataSource, 'audit');
    if (this.schema === 'check') return checkSchema(dataSource, AUDIT_TABLE);
    const queryRunner = dataSource.createQueryRunner();
    try {
      await installSchema(queryRunner, AUDIT_TABLE);
    } finally {
      await queryRunner.release();
    }
  }

  override append(entry: AuditEntry): Promise<AuditAppendResult> {
    return this.appendTo(connectionOf(this.database()), entry);
  }

  /**
   * Records an invalidation in the manager's transaction, together with its outbox rows. Writers of the log wait for each
   * other until their transactions end, so let this be the last statement before the commit, at READ COMMITTED.
   */
  appendWithin(manager: EntityManager, entry: AuditEntry): Promise<AuditAppendResult> {
    return this.appendTo(manager, entry);
  }

  override async find(namespace: string, requestId: string): Promise<AuditRecord | null> {
    const [row] = await connectionOf(this.database()).query(FIND_AUDIT, [
      storableText(namespace),
      storableText(requestId),
    ]);
    return row === undefined ? null : toRecord(row);
  }

  override async list(query?: AuditQuery): Promise<AuditPage> {
    const { limit, offset, beforeId = null, pattern, namespace = null } = resolveAuditQuery(query);
    const filters = [pattern === undefined ? null : storableText(pattern), namespace];
    const [rows, [{ total }]] = await Promise.all([
      this.database().query(LIST_AUDIT, [...filters, beforeId, limit + 1, offset]),
      this.database().query(COUNT_AUDIT, filters),
    ]);
    const records = rows.slice(0, limit).map(toRecord);
    return { records, totalCount: Number(total), hasMore: rows.length > limit };
  }

  override async head(): Promise<AuditHead | null> {
    const [row] = await this.database().query(AUDIT_HEAD);
    return row === undefined ? null : { id: Number(row.id), hash: row.hash };
  }

  override verify(trust: AuditTrust = {}): Promise<AuditVerification> {
    return verifyChain(this.inOrder(trust.after?.id ?? 0), trust);
  }

  override async close(): Promise<void> {}

  private async appendTo(database: Database, entry: AuditEntry): Promise<AuditAppendResult> {
    const stored = storable(entry);
    const parameters = [
      stored.namespace,
      stored.pattern,
      JSON.stringify(stored.keys),
      stored.triggeredBy,
      stored.reason,
      stored.timestampMs,
      stored.requestId,
      stored.latencyMs,
      stored.keyCount,
      stored.requestHash,
    ];
    const [added]: AddedByDatabase[] = await database.query(APPEND_AUDIT, parameters);
    if (added !== undefined) {
      const { id, prev_hash: previousHash, hash } = added;
      return { outcome: 'written', record: { ...stored, id: Number(id), previousHash, hash } };
    }
    const [found] = await database.query(FIND_AUDIT, [stored.namespace, stored.requestId]);
    const record = toRecord(found);
    return { outcome: sameRequest(record, stored) ? 'duplicate' : 'conflict', record };
  }

  private async *inOrder(afterId: number): AsyncGenerator<AuditRecord> {
    for (let last = afterId; ;) {
      const page: StoredAuditRow[] = await this.database().query(AUDIT_CHAIN_PAGE, [last, VERIFY_PAGE]);
      for (const row of page) yield toRecord(row);
      if (page.length < VERIFY_PAGE) return;
      last = Number(page.at(-1)!.id);
    }
  }

  private database(): DataSource {
    if (this.dataSource !== null) return this.dataSource;
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      'Expected `typeormAudit` to have a DataSource, got none. Pass `typeormAudit({ dataSource })`, or import TypeOrmModule in the application.',
    );
  }
}

/** The entry with every text as the database can hold it, and nothing left out. */
function storable(entry: AuditEntry): Required<AuditEntry> {
  return {
    ...entry,
    namespace: storableText(entry.namespace ?? ''),
    pattern: storableText(entry.pattern),
    keys: entry.keys.map(storableText),
    triggeredBy: storableText(entry.triggeredBy),
    reason: storableText(entry.reason ?? ''),
    timestampMs: Math.round(entry.timestampMs),
    latencyMs: entry.latencyMs === null ? null : Math.round(entry.latencyMs),
    requestId: storableText(entry.requestId),
    keyCount: entry.keyCount ?? null,
    requestHash: storableText(entry.requestHash ?? ''),
  };
}

function toRecord(row: StoredAuditRow): AuditRecord {
  return {
    id: Number(row.id),
    namespace: row.namespace,
    pattern: row.pattern,
    keys: row.keys ?? [],
    triggeredBy: row.triggered_by,
    reason: row.reason,
    timestampMs: Number(row.timestamp_ms),
    requestId: row.request_id,
    latencyMs: row.latency_ms === null ? null : Number(row.latency_ms),
    keyCount: row.key_count === null ? null : Number(row.key_count),
    requestHash: row.request_hash,
    previousHash: row.prev_hash,
    hash: row.hash,
  };
}
