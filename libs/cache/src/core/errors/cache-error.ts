import type { CacheErrorCode } from './error-codes.js';

/**
 * The one error class of Larder. The message says what was expected, what came, and what to do; `code` is stable and
 * meant for programs. Errors of cached methods are never wrapped: they pass unchanged (G6).
 */
export class CacheError extends Error {
  override readonly name = 'CacheError';

  constructor(
    /** Stable code, listed in `docs/errors.md`. */
    readonly code: CacheErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** How a rejected input is shown in a message: short, typed, on one line, never with the content of an object. */
export function describeInput(input: unknown): string {
  if (input === null) return '`null`';
  switch (typeof input) {
    case 'string':
      return `${JSON.stringify(input.length > 40 ? `${input.slice(0, 40)}…` : input)} (string)`;
    case 'object':
      return Array.isArray(input) ? `an array of ${input.length}` : `an object (${classOf(input) ?? 'no prototype'})`;
    case 'function':
      return `a function (${input.name || 'anonymous'})`;
    case 'undefined':
      return '`undefined`';
    default:
      return `\`${String(input as number | bigint | boolean | symbol)}\` (${typeof input})`;
  }
}

/** By its prototype: a field of its own that is called `constructor` may hold anything. */
function classOf(input: object): string | undefined {
  const prototype = Object.getPrototypeOf(input) as { constructor?: { name?: string } } | null;
  return prototype?.constructor?.name;
}
