import type { AuditHead, AuditTrust, AuditVerification } from './audit-chain.js';
import type { AuditPage, AuditQuery } from './audit-query.js';
import type { AuditAppendResult, AuditEntry, AuditRecord } from './audit-record.js';

/**
 * The record of every invalidation: append-only, in order, each row chained to the one before (REQ-003-20). There is no
 * way to change or delete a row through this port.
 *
 * Every rule is checked by the contract suite `describeAuditStore` of `nestjs-larder/testing`.
 */
export abstract class AuditStore {
  /** Prepares the store (schema). Called once before use; calling it again is harmless. */
  abstract open(): Promise<void>;

  /** Records an invalidation, once per namespace and request id. */
  abstract append(entry: AuditEntry): Promise<AuditAppendResult>;

  /** The row of a namespace and request id, or `null`. */
  abstract find(namespace: string, requestId: string): Promise<AuditRecord | null>;

  /**
   * Shows rows, newest first.
   *
   * @throws CacheError `LARDER_OPTION_INVALID`
   */
  abstract list(query?: AuditQuery): Promise<AuditPage>;

  /** The newest row of the chain, or `null`. Kept elsewhere, it lets `verify` notice rows missing at the end. */
  abstract head(): Promise<AuditHead | null>;

  /** Recomputes the whole chain and names the first row that does not fit. */
  abstract verify(trust?: AuditTrust): Promise<AuditVerification>;

  abstract close(): Promise<void>;
}
