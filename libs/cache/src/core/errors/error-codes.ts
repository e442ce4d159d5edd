/**
 * Every error Larder raises, by its stable code. `docs/errors.md` explains each; a test reads both ways.
 * Codes never change their meaning; a code that is no longer raised is kept in the page, marked as retired.
 */
export const CACHE_ERROR_CODES = [
  'LARDER_ADMIN_FORBIDDEN',
  'LARDER_ADMIN_UNAUTHORIZED',
  'LARDER_CLOSED',
  'LARDER_DATABASE_UNSUPPORTED',
  'LARDER_DECORATOR_TARGET',
  'LARDER_DURATION_INVALID',
  'LARDER_INTENT_INVALID',
  'LARDER_INVALIDATION_FAILED',
  'LARDER_KEY_CIRCULAR',
  'LARDER_KEY_INVALID',
  'LARDER_KEY_UNSUPPORTED',
  'LARDER_LOG_UNAVAILABLE',
  'LARDER_LOG_UNCERTAIN',
  'LARDER_OPTION_INVALID',
  'LARDER_PATTERN_INVALID',
  'LARDER_PATTERN_TOO_LONG',
  'LARDER_REQUEST_INVALID',
  'LARDER_SCHEMA_MISSING',
  'LARDER_SCHEMA_UNKNOWN',
  'LARDER_SCOPE_UNKNOWN',
  'LARDER_TAG_INVALID',
  'LARDER_TIER_REQUIRED',
  'LARDER_TIER_UNAVAILABLE',
  'LARDER_VALUE_UNCACHEABLE',
] as const;

/** A stable error code, e.g. `LARDER_DURATION_INVALID`. */
export type CacheErrorCode = (typeof CACHE_ERROR_CODES)[number];
