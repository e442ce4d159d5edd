import { z } from 'zod';
import type { HttpRequest } from '../http/http-request.js';
import { readBody } from './request-body.js';

export type AdminAction = 'clear' | 'delete' | 'revoke';

/** What a request asks for, checked. */
export interface AdminOrder {
  readonly key?: string | undefined;
  readonly pattern?: string | undefined;
  readonly reason?: string | undefined;
}

export const MAX_KEY_BYTES = 1024;
export const MAX_PATTERN_LENGTH = 1000;
export const MAX_REASON_LENGTH = 256;

const reason = z.string().max(MAX_REASON_LENGTH).optional();
const key = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= MAX_KEY_BYTES);
const pattern = z.string().min(1).max(MAX_PATTERN_LENGTH);

const BODIES: Readonly<Record<AdminAction, z.ZodType<AdminOrder>>> = {
  clear: z.strictObject({ reason }),
  delete: z.strictObject({ key, reason }),
  revoke: z.strictObject({ pattern, reason }),
};

const FIELDS: Readonly<Record<string, string>> = {
  key: `non-empty text of at most ${MAX_KEY_BYTES} bytes`,
  pattern: `non-empty text of at most ${MAX_PATTERN_LENGTH} characters`,
  reason: `text of at most ${MAX_REASON_LENGTH} characters`,
};

const CURES: Readonly<Record<AdminAction, string>> = {
  clear: 'Send no body; to remove one entry use `cache/delete`, to remove some use `cache/revoke`.',
  delete: 'Send e.g. {"key": "get_user:123"}: the key without its scope.',
  revoke: 'Send e.g. {"pattern": "get_user:*"}: a pattern over the keys without their scope.',
};

/** @throws AdminError 400, 413 or 415 */
export function readAdminOrder(action: AdminAction, request: HttpRequest): AdminOrder {
  return readBody(request, { schema: BODIES[action], fields: FIELDS, cure: CURES[action] });
}
