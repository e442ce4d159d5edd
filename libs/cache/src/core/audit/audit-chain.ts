import { hashPartsHex } from '../hash/length-prefixed-hash.js';
import type { AuditRecord } from './audit-record.js';

const DOMAIN = 'larder-audit-row-v1';

/**
 * Hash of a row: `sha256(previous || row)`, each field by length and text, so that no two rows feed the hash the same
 * bytes. A store in SQL computes the same with its own functions; change both or neither.
 */
export function auditHash(record: Omit<AuditRecord, 'hash'>): string {
  return hashPartsHex(
    DOMAIN,
    record.previousHash,
    String(record.id),
    record.namespace,
    record.pattern,
    String(record.keys.length),
    ...record.keys,
    record.triggeredBy,
    record.reason,
    String(record.timestampMs),
    record.requestId,
    record.latencyMs === null ? '' : String(record.latencyMs),
    record.keyCount === null ? '' : String(record.keyCount),
    record.requestHash,
  );
}

/** The end of a chain, to be kept where the database's owner cannot reach it: it proves that no row at the end is missing. */
export interface AuditHead {
  readonly id: number;
  readonly hash: string;
}

/** What is known of the chain from elsewhere. */
export interface AuditTrust {
  /** The row before the first one kept, when older rows were dropped with their partition. @default the chain begins here */
  readonly after?: AuditHead;
  /** A head noted earlier; a chain that does not pass through it is broken at its id. @default nothing is known */
  readonly head?: AuditHead;
}

/** What a check of the chain found. */
export type AuditVerification =
  | { readonly intact: true; readonly rows: number; readonly head: AuditHead | null }
  | { readonly intact: false; readonly rows: number; readonly brokenId: number; readonly problem: string };

/**
 * Follows a chain row by row, in order of id, and stops at the first row that does not fit: changed, or standing where
 * another one is missing.
 */
export async function verifyChain(
  records: AsyncIterable<AuditRecord>,
  trust: AuditTrust = {},
): Promise<AuditVerification> {
  let rows = 0;
  let last: AuditHead | null = trust.after ?? null;
  let metHead = trust.head === undefined;
  for await (const record of records) {
    const problem = findProblem(record, last, trust.head);
    if (problem !== null) return { intact: false, rows, brokenId: record.id, problem };
    metHead ||= record.id === trust.head!.id;
    last = { id: record.id, hash: record.hash };
    rows += 1;
  }
  if (!metHead)
    return { intact: false, rows, brokenId: trust.head!.id, problem: 'the row of the noted head is missing' };
  return { intact: true, rows, head: last };
}

function findProblem(record: AuditRecord, last: AuditHead | null, head?: AuditHead): string | null {
  if (record.previousHash !== (last?.hash ?? '')) {
    return 'it does not continue the row before it: a row is missing or was changed';
  }
  if (auditHash(record) !== record.hash) return 'its content does not match its hash';
  if (record.id === head?.id && record.hash !== head.hash) return 'it differs from the noted head';
  return null;
}
