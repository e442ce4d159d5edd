import { CacheError, describeInput } from '../errors/cache-error.js';
import type { AuditRecord } from './audit-record.js';

/** Which rows to show: newest first. */
export interface AuditQuery {
  /** Most rows, 1 to 1,000. @default 50 */
  readonly limit?: number;
  /** Rows to skip, up to 100,000; a negative one counts as 0. Beyond that use `beforeId`. @default 0 */
  readonly offset?: number;
  /** Only rows older than this one (keyset paging: its cost does not grow with the depth). @default from the newest */
  readonly beforeId?: number;
  /** Only rows whose pattern contains this text, literally. @default any */
  readonly pattern?: string;
  /** Only rows of this namespace. @default any */
  readonly namespace?: string;
}

/** One page of the audit log, newest first. */
export interface AuditPage {
  readonly records: readonly AuditRecord[];
  /** Rows that match the filters, on whatever page. */
  readonly totalCount: number;
  readonly hasMore: boolean;
}

export type ResolvedAuditQuery = Required<Pick<AuditQuery, 'limit' | 'offset'>> &
  Pick<AuditQuery, 'beforeId' | 'pattern' | 'namespace'>;

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;
const MAX_OFFSET = 100_000;

/**
 * Fills in defaults and bounds.
 *
 * @throws CacheError `LARDER_OPTION_INVALID` for a number that is no integer, or an offset beyond its bound
 */
export function resolveAuditQuery(query: AuditQuery = {}): ResolvedAuditQuery {
  const limit = integer('limit', query.limit ?? DEFAULT_LIMIT);
  const offset = Math.max(0, integer('offset', query.offset ?? 0));
  if (offset > MAX_OFFSET) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`offset\` of at most ${MAX_OFFSET}, got ${offset}. Page by \`beforeId\`, the id of the last row you have.`,
    );
  }
  if (query.beforeId !== undefined) integer('beforeId', query.beforeId);
  return { ...query, limit: Math.min(MAX_LIMIT, Math.max(1, limit)), offset };
}

function integer(field: string, value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` to be an integer, got ${describeInput(value)}. Leave it out for the default.`,
  );
}
