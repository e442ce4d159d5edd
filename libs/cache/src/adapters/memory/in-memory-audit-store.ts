import {
  auditHash,
  verifyChain,
  type AuditHead,
  type AuditTrust,
  type AuditVerification,
} from '../../core/audit/audit-chain.js';
import { resolveAuditQuery, type AuditPage, type AuditQuery } from '../../core/audit/audit-query.js';
import {
  sameRequest,
  type AuditAppendResult,
  type AuditEntry,
  type AuditRecord,
} from '../../core/audit/audit-record.js';
import { AuditStore } from '../../core/audit/audit-store.port.js';

/** Rows kept in memory. The oldest make room: a process without a database remembers only so much. */
const MAX_RECORDS = 10_000;

/** The audit log of a single process, for development and tests: lost with it. */
export class InMemoryAuditStore extends AuditStore {
  private records: AuditRecord[] = [];
  /** How many of `records` have made room: they are cut off now and then, for that moves all others. */
  private gone = 0;
  private readonly byRequest = new Map<string, AuditRecord>();
  private lastId = 0;
  private dropped: AuditHead | undefined;

  constructor(private readonly maxRecords = MAX_RECORDS) {
    super();
  }

  override async open(): Promise<void> {}

  override async append(entry: AuditEntry): Promise<AuditAppendResult> {
    const requestKey = requestKeyOf(entry.namespace ?? '', entry.requestId);
    const known = this.byRequest.get(requestKey);
    if (known !== undefined) return { outcome: sameRequest(known, entry) ? 'duplicate' : 'conflict', record: known };
    const record = rowOf(entry, (this.lastId += 1), this.newest()?.hash ?? '');
    this.records.push(record);
    this.byRequest.set(requestKey, record);
    this.makeRoom();
    return { outcome: 'written', record };
  }

  override async find(namespace: string, requestId: string): Promise<AuditRecord | null> {
    return this.byRequest.get(requestKeyOf(namespace, requestId)) ?? null;
  }

  override async list(query?: AuditQuery): Promise<AuditPage> {
    const { limit, offset, beforeId = Infinity, pattern = '', namespace } = resolveAuditQuery(query);
    const matching = this.kept().filter(
      (record) => record.pattern.includes(pattern) && (namespace === undefined || record.namespace === namespace),
    );
    const older = matching.filter((record) => record.id < beforeId).reverse();
    const records = older.slice(offset, offset + limit);
    return { records, totalCount: matching.length, hasMore: older.length > offset + records.length };
  }

  override async head(): Promise<AuditHead | null> {
    return this.newest();
  }

  override async verify(trust?: AuditTrust): Promise<AuditVerification> {
    return verifyChain(inOrder(this.kept()), { ...trust, after: trust?.after ?? this.dropped });
  }

  override async close(): Promise<void> {}

  private newest(): AuditHead | null {
    const last = this.records.at(-1);
    return last === undefined ? (this.dropped ?? null) : { id: last.id, hash: last.hash };
  }

  private kept(): readonly AuditRecord[] {
    return this.records.slice(this.gone);
  }

  private makeRoom(): void {
    if (this.records.length - this.gone <= this.maxRecords) return;
    const oldest = this.records[this.gone]!;
    this.gone += 1;
    this.dropped = { id: oldest.id, hash: oldest.hash };
    this.byRequest.delete(requestKeyOf(oldest.namespace, oldest.requestId));
    if (this.gone < this.maxRecords) return;
    this.records = this.records.slice(this.gone);
    this.gone = 0;
  }
}

/** Field by field: a burst of invalidations makes a row each, and copies of whole objects cost several times as much. */
function rowOf(entry: AuditEntry, id: number, previousHash: string): AuditRecord {
  const row = {
    namespace: entry.namespace ?? '',
    pattern: entry.pattern,
    keys: Object.freeze([...entry.keys]),
    triggeredBy: entry.triggeredBy,
    reason: entry.reason ?? '',
    timestampMs: entry.timestampMs,
    requestId: entry.requestId,
    latencyMs: entry.latencyMs,
    keyCount: entry.keyCount ?? null,
    requestHash: entry.requestHash ?? '',
    id,
    previousHash,
    hash: '',
  };
  row.hash = auditHash(row);
  return Object.freeze(row);
}

function requestKeyOf(namespace: string, requestId: string): string {
  return `${namespace.length}:${namespace}${requestId}`;
}

async function* inOrder(records: readonly AuditRecord[]): AsyncGenerator<AuditRecord> {
  yield* records;
}
