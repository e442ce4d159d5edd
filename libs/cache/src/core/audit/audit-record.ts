/** What is to be recorded of one invalidation. */
export interface AuditEntry {
  /** The application's cache namespace. @default '' */
  readonly namespace?: string;
  /** The pattern; for a key invalidation the key, or the JSON text of the keys. Never null. */
  readonly pattern: string;
  /** The keys concerned, in order. */
  readonly keys: readonly string[];
  /** Who asked. */
  readonly triggeredBy: string;
  /** Why. @default '' */
  readonly reason?: string;
  /** When, Unix ms. */
  readonly timestampMs: number;
  /** Correlates the invalidation across systems; one row per namespace and request id. */
  readonly requestId: string;
  /** How long it took, ms; `null` where it is not known. */
  readonly latencyMs: number | null;
  /** How many keys are concerned, where `keys` lists only the first of them. @default null, as many as it lists */
  readonly keyCount?: number | null;
  /**
   * Fingerprint of what was asked for, where `pattern` and `keys` tell what came of it: a repetition finds other keys.
   * Where there is one, it alone tells a repetition from a conflict. @default ''
   */
  readonly requestHash?: string;
}

/** One row of the audit log: never changed, never deleted, chained to the row before it. Numbers are numbers. */
export interface AuditRecord extends Required<AuditEntry> {
  /** Ascending in order of the chain. */
  readonly id: number;
  /** Hash of the row before; empty for the first. */
  readonly previousHash: string;
  /** SHA-256 over `previousHash` and this row, hex. */
  readonly hash: string;
}

/**
 * What became of an entry: written; already there with the same body (a repeated request); or refused, because the request
 * id stands for another invalidation. `record` is the row that stands.
 */
export interface AuditAppendResult {
  readonly outcome: 'written' | 'duplicate' | 'conflict';
  readonly record: AuditRecord;
}

/** True when two entries ask for the same; when they were made and how long they took does not matter. */
export function sameRequest(record: AuditRecord, entry: AuditEntry): boolean {
  const { requestHash = '' } = entry;
  if (requestHash !== '' || record.requestHash !== '') return record.requestHash === requestHash;
  return (
    record.pattern === entry.pattern &&
    record.triggeredBy === entry.triggeredBy &&
    record.reason === (entry.reason ?? '') &&
    record.keys.length === entry.keys.length &&
    record.keys.every((key, i) => key === entry.keys[i])
  );
}
