import { CacheError } from '../errors/cache-error.js';

/** The database of the index failed. Callers treat it as "no cache" (REQ-001-23). */
export function databaseError(cause: unknown): CacheError {
  return new CacheError('LARDER_PREFIX_DATABASE', `cache index database error: ${textOf(cause)}`, { cause });
}

/** Whose entries are meant could not be found out. */
export function principalError(cause: unknown): CacheError {
  return new CacheError('LARDER_PREFIX_PRINCIPAL', `cache principal lookup failed: ${textOf(cause)}`, { cause });
}

/** What was given, or what is stored, is not what an index holds. */
export function invalidData(problem: string): CacheError {
  return new CacheError('LARDER_PREFIX_INVALID', `invalid cache data: ${problem}`);
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
