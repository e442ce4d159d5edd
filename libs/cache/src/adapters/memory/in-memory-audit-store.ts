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
  private readonly records: AuditRecord[] = [];
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
    const content = {
      ...entry,
      namespace: entry.namespace ?? '',
      reason: entry.reason ?? '',
      keyCount: entry.keyCount ?? null,
      requestHash: entry.requestHash ?? '',
      keys: Object.freeze([...entry.keys]),
      id: (this.lastId += 1),
      previousHash: this.newest()?.hash ?? '',
    };
    const record = Object.freeze({ ...content, hash: auditHash(content) });
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
    const matching = this.records.filter(
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
    return verifyChain(inOrder(this.records), { ...trust, after: trust?.after ?? this.dropped });
  }

  override async close(): Promise<void> {}

  private newest(): AuditHead | null {
    const last = this.records.at(-1);
    return last === undefined ? (this.dropped ?? null) : { id: last.id, hash: last.hash };
  }

  private makeRoom(): void {
    if (this.records.length <= this.maxRecords) return;
    const oldest = this.records.shift()!;
    this.dropped = { id: oldest.id, hash: oldest.hash };
    this.byRequest.delete(requestKeyOf(oldest.namespace, oldest.requestId));
  }
}

function requestKeyOf(namespace: string, requestId: string): string {
  return JSON.stringify([namespace, requestId]);
}

async function* inOrder(records: readonly AuditRecord[]): AsyncGenerator<AuditRecord> {
  yield* records;
}
