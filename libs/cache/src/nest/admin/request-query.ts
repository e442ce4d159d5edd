import { z } from 'zod';
import { describeInput } from '../../core/errors/cache-error.js';
import { AdminError } from './admin-error.js';

/** What the parameters of a request have to be, and how a refusal tells it. */
export interface QueryForm<Query> {
  readonly schema: z.ZodType<Query>;
  /** What each parameter is to be, by name. */
  readonly fields: Readonly<Record<string, string>>;
  /** What to ask instead. */
  readonly cure: string;
}

/** A whole number as a parameter. */
export const integer = z
  .string()
  .regex(/^-?\d{1,15}$/)
  .transform(Number);

/** @throws AdminError 400 */
export function readQuery<Query>(query: unknown, { schema, fields, cure }: QueryForm<Query>): Query {
  const parsed = schema.safeParse({ ...(query as object) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const stranger = issue!.code === 'unrecognized_keys';
  const field = String(stranger ? issue!.keys[0] : issue!.path[0]).slice(0, 64);
  const expectation = stranger
    ? `no parameter \`${field}\`, got one`
    : `\`${field}\` to be ${fields[field]}, got ${describeInput((query as Record<string, unknown>)[field])}`;
  throw new AdminError('LARDER_REQUEST_INVALID', `Expected ${expectation}. ${cure}`, 400, { field });
}
