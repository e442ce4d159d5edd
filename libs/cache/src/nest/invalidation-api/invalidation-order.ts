import { z } from 'zod';
import { hashPartsHex } from '../../core/hash/length-prefixed-hash.js';
import { isWellFormed } from '../../core/keys/well-formed.js';
import { MAX_KEY_BYTES, MAX_PATTERN_LENGTH, MAX_REASON_LENGTH } from '../admin/admin-request.js';
import { readBody } from '../admin/request-body.js';
import type { HttpRequest } from '../http/http-request.js';

export const MAX_KEYS = 1_000;
export const MAX_CACHE_KEYS = 10_000;
export const MAX_NAME_LENGTH = 256;
export const MAX_REQUEST_ID_LENGTH = 128;

interface OrderBase {
  readonly triggeredBy: string;
  readonly reason: string;
  /** `null`: none was given. */
  readonly requestId: string | null;
  readonly dryRun: boolean;
  /** Fingerprint of everything that makes this order what it is. */
  readonly hash: string;
}

/** An order to invalidate keys, without repetitions. */
export interface KeyOrder extends OrderBase {
  readonly kind: 'key';
  readonly keys: readonly string[];
}

/** An order to invalidate what matches. */
export interface PatternOrder extends OrderBase {
  readonly kind: 'pattern';
  readonly pattern: string;
  /** The keys to report on; `null`: those of this service. */
  readonly cacheKeys: readonly string[] | null;
}

export type InvalidationOrder = KeyOrder | PatternOrder;

const key = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= MAX_KEY_BYTES && isWellFormed(text));
const shared = {
  triggered_by: z
    .string()
    .max(MAX_NAME_LENGTH)
    .regex(/^[^\p{Cc}\p{Cs}]+$/u)
    .optional(),
  request_id: z
    .string()
    .max(MAX_REQUEST_ID_LENGTH)
    .regex(/^[\x21-\x7e]+$/)
    .optional(),
  reason: z
    .string()
    .max(MAX_REASON_LENGTH)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u)
    .optional(),
  dry_run: z.boolean().optional(),
};
const KEY_BODY = z.strictObject({ keys: z.array(key).min(1).max(MAX_KEYS), ...shared });
const PATTERN_BODY = z.strictObject({
  pattern: z.string().min(1).max(MAX_PATTERN_LENGTH),
  cache_keys: z.array(key).max(MAX_CACHE_KEYS).optional(),
  ...shared,
});

const KEY = `non-empty, well-formed text of at most ${MAX_KEY_BYTES} bytes`;
const FIELDS: Readonly<Record<string, string>> = {
  keys: `a list of 1 to ${MAX_KEYS} keys`,
  'keys[]': KEY,
  pattern: `non-empty text of at most ${MAX_PATTERN_LENGTH} characters`,
  cache_keys: `a list of at most ${MAX_CACHE_KEYS} keys`,
  'cache_keys[]': KEY,
  triggered_by: `1 to ${MAX_NAME_LENGTH} printable characters`,
  request_id: `1 to ${MAX_REQUEST_ID_LENGTH} visible ASCII characters`,
  reason: `at most ${MAX_REASON_LENGTH} printable characters`,
  dry_run: 'true or false',
};

/** @throws AdminError 400, 413 or 415 */
export function readKeyOrder(request: HttpRequest): KeyOrder {
  const cure =
    'Send e.g. {"keys": ["user:get_user:123"], "triggered_by": "admin"}; for more keys than fit use a pattern.';
  const body = readBody(request, { schema: KEY_BODY, fields: FIELDS, cure });
  const keys = [...new Set(body.keys)];
  const base = baseOf(body);
  const hash = hashPartsHex('larder-key-order-v1', base.triggeredBy, base.reason, ...keys);
  return { kind: 'key', keys, ...base, hash };
}

/** @throws AdminError 400, 413 or 415 */
export function readPatternOrder(request: HttpRequest): PatternOrder {
  const cure = 'Send e.g. {"pattern": "user:get_user:*", "triggered_by": "admin"}.';
  const body = readBody(request, { schema: PATTERN_BODY, fields: FIELDS, cure });
  const { pattern, cache_keys: cacheKeys = null } = body;
  const base = baseOf(body);
  const asked = cacheKeys === null ? [] : ['cache_keys', ...cacheKeys];
  const hash = hashPartsHex('larder-pattern-order-v1', base.triggeredBy, base.reason, pattern, ...asked);
  return { kind: 'pattern', pattern, cacheKeys: cacheKeys === null ? null : [...new Set(cacheKeys)], ...base, hash };
}

function baseOf(body: z.infer<typeof KEY_BODY> | z.infer<typeof PATTERN_BODY>): Omit<OrderBase, 'hash'> {
  return {
    triggeredBy: body.triggered_by ?? 'unknown',
    reason: body.reason ?? '',
    requestId: body.request_id ?? null,
    dryRun: body.dry_run ?? false,
  };
}
