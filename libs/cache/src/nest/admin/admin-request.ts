import { z } from 'zod';
import { describeInput } from '../../core/errors/cache-error.js';
import { hasBody, headerOf, type HttpRequest } from '../http/http-request.js';
import { AdminError } from './admin-error.js';

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

/** @throws AdminError 400 or 415 */
export function readAdminOrder(action: AdminAction, request: HttpRequest): AdminOrder {
  assertJson(request);
  const body: unknown = request.body ?? {};
  const parsed = BODIES[action].safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue!.code === 'unrecognized_keys' ? issue!.keys[0] : issue!.path[0];
  if (typeof field !== 'string') throw invalid(`the body to be a JSON object, got ${describeInput(body)}`, action);
  const got = (body as Record<string, unknown>)[field];
  const expected = FIELDS[field];
  throw issue!.code === 'unrecognized_keys' || expected === undefined
    ? invalid(`no field \`${field.slice(0, 64)}\` for \`${action}\``, action, field.slice(0, 64))
    : invalid(`\`${field}\` to be ${expected}, got ${describeInput(got)}${lengthOf(got)}`, action, field);
}

/** A form of another site can send text and form types without asking; JSON it cannot. */
function assertJson(request: HttpRequest): void {
  const type = headerOf(request, 'content-type');
  if (type === undefined ? !hasBody(request) : /^application\/json\s*(?:;|$)/i.test(type)) return;
  throw new AdminError(
    'LARDER_REQUEST_INVALID',
    `Expected a body of \`Content-Type: application/json\`, got ${describeInput(type)}. Send JSON, or no body where none is needed.`,
    415,
  );
}

function invalid(expectation: string, action: AdminAction, field?: string): AdminError {
  const details = field === undefined ? {} : { field };
  return new AdminError('LARDER_REQUEST_INVALID', `Expected ${expectation}. ${CURES[action]}`, 400, details);
}

function lengthOf(got: unknown): string {
  return typeof got === 'string' && got.length > 40 ? ` of ${got.length} characters` : '';
}
