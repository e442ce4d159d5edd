import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { AuditPage, AuditQuery } from '../../core/audit/audit-query.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { AdminError } from '../admin/admin-error.js';
import { MAX_PATTERN_LENGTH } from '../admin/admin-request.js';
import { integer, readQuery } from '../admin/request-query.js';
import { CacheRuntime } from '../cache-runtime.js';
import type { HttpRequest } from '../http/http-request.js';

/** A row of the audit log. Names and types as on the wire (REQ-003-14). */
export interface AuditLogRow {
  readonly id: number;
  readonly pattern: string;
  readonly keys: readonly string[];
  readonly triggered_by: string;
  readonly timestamp: string;
  readonly request_id: string;
  /** ms */
  readonly latency: number | null;
}

/** A page of the audit log, newest first. */
export interface AuditLogPage {
  readonly logs: readonly AuditLogRow[];
  readonly total_count: number;
  readonly has_more: boolean;
}

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 1_000;
export const MAX_OFFSET = 100_000;

const QUERY = z.strictObject({
  limit: integer.pipe(z.number().min(1).max(MAX_LIMIT)).optional(),
  offset: integer.pipe(z.number().max(MAX_OFFSET)).optional(),
  before_id: integer.pipe(z.number().min(1)).optional(),
  pattern: z.string().max(MAX_PATTERN_LENGTH).optional(),
});

const FIELDS: Readonly<Record<string, string>> = {
  limit: `a whole number from 1 to ${MAX_LIMIT}`,
  offset: `a whole number of at most ${MAX_OFFSET}`,
  before_id: 'the id of a row, a whole number from 1',
  pattern: `text of at most ${MAX_PATTERN_LENGTH} characters`,
};
const CURE = 'Ask e.g. `?limit=50&offset=0`; to go deeper, page by `?before_id=` with the id of the last row you have.';

/** Shows the audit log of the application's namespace. */
@Injectable()
export class AuditLogReader {
  constructor(@Inject(CacheRuntime) private readonly runtime: CacheRuntime) {}

  /** @throws AdminError 400, or 503 where the audit store does not answer */
  async page(request: HttpRequest): Promise<AuditLogPage> {
    const { records, totalCount, hasMore } = await this.list(readAuditQuery(request.query));
    const logs = records.map(({ id, pattern, keys, triggeredBy, timestampMs, requestId, latencyMs }) => ({
      id,
      pattern,
      keys,
      triggered_by: triggeredBy,
      timestamp: new Date(timestampMs).toISOString(),
      request_id: requestId,
      latency: latencyMs,
    }));
    return { logs, total_count: totalCount, has_more: hasMore };
  }

  private async list(query: AuditQuery): Promise<AuditPage> {
    try {
      return await this.runtime.audit.list(query);
    } catch (error) {
      if (error instanceof CacheError && error.code === 'LARDER_OPTION_INVALID') {
        throw new AdminError('LARDER_REQUEST_INVALID', error.message, 400, {}, { cause: error });
      }
      throw new AdminError(
        'LARDER_AUDIT_UNAVAILABLE',
        'Expected the audit store to answer, got a failure or no answer in time. Look at the database, then repeat the request.',
        503,
        {},
        { cause: error },
      );
    }
  }
}

function readAuditQuery(query: unknown): AuditQuery {
  const { before_id: beforeId, ...rest } = readQuery(query, { schema: QUERY, fields: FIELDS, cure: CURE });
  const given = Object.entries({ ...rest, beforeId }).filter(([, value]) => value !== undefined);
  return { limit: DEFAULT_LIMIT, ...Object.fromEntries(given) };
}
