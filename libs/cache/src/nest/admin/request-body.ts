import type { z } from 'zod';
import { describeInput } from '../../core/errors/cache-error.js';
import { hasBody, headerOf, type HttpRequest } from '../http/http-request.js';
import { AdminError } from './admin-error.js';

/** Bytes of a request's body; more is refused before anything is done with it. */
export const MAX_BODY_BYTES = 65_536;

/** What a body has to be, and how a refusal tells it. */
export interface BodyForm<Order> {
  readonly schema: z.ZodType<Order>;
  /** What each field is to be, by name; of the items of a list under `name[]`. */
  readonly fields: Readonly<Record<string, string>>;
  /** What to send instead. */
  readonly cure: string;
}

/** @throws AdminError 400, 413 or 415 */
export function readBody<Order>(request: HttpRequest, { schema, fields, cure }: BodyForm<Order>): Order {
  assertJson(request);
  const announced = headerOf(request, 'content-length');
  if (announced !== undefined) assertSmall(Number(announced));
  const body: unknown = request.body ?? {};
  const parsed = schema.safeParse(body);
  if (parsed.success) {
    // Of a body whose length was not announced the shortest form is measured; its depth is known to be small by now.
    if (announced === undefined) assertSmall(Buffer.byteLength(JSON.stringify(body)));
    return parsed.data;
  }
  const [issue] = parsed.error.issues;
  const stranger = issue!.code === 'unrecognized_keys';
  const [field, index] = stranger ? issue!.keys : issue!.path;
  if (typeof field !== 'string') throw invalid(`the body to be a JSON object, got ${describeInput(body)}`, cure);
  if (stranger) throw invalid(`no field \`${field.slice(0, 64)}\`, got one`, cure, field.slice(0, 64));
  const value = (body as Record<string, unknown>)[field];
  const item = typeof index === 'number';
  const got = item ? (value as unknown[])[index] : value;
  const expected = fields[item ? `${field}[]` : field];
  const name = item ? `${field}[${index}]` : field;
  throw invalid(`\`${name}\` to be ${expected}, got ${describeInput(got)}${lengthOf(got)}`, cure, field);
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

function assertSmall(bytes: number): void {
  if (bytes <= MAX_BODY_BYTES) return;
  throw new AdminError(
    'LARDER_REQUEST_INVALID',
    `Expected a body of at most ${MAX_BODY_BYTES} bytes, got ${bytes}. Send several requests, or one pattern for many keys.`,
    413,
  );
}

function invalid(expectation: string, cure: string, field?: string): AdminError {
  const details = field === undefined ? {} : { field };
  return new AdminError('LARDER_REQUEST_INVALID', `Expected ${expectation}. ${cure}`, 400, details);
}

function lengthOf(got: unknown): string {
  return typeof got === 'string' && got.length > 40 ? ` of ${got.length} characters` : '';
}
