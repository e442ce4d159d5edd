import { invalidData } from './prefix-errors.js';

/** Deeper nesting is refused: it is no prompt, and would exhaust the stack. */
const MAX_DEPTH = 64;

/**
 * One text per JSON value: members in the order of their names' code units, nothing between tokens. What JSON leaves out
 * (`undefined`, functions) is left out, and what it has no form for is refused.
 *
 * @throws CacheError `LARDER_PREFIX_INVALID`
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw invalidData(`expected content nested at most ${MAX_DEPTH} levels deep`);
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (Number.isFinite(value)) return JSON.stringify(value);
      break;
    case 'object':
      return ofObject(value, depth);
  }
  throw invalidData(`expected content that JSON can hold, got a ${typeof value} (${describe(value)})`);
}

function ofObject(value: object, depth: number): string {
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return canonicalJson(toJSON.call(value), depth + 1);
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item) => (isLeftOut(item) ? 'null' : canonicalJson(item, depth + 1))).join(',')}]`;
  }
  const record = value as Record<string, unknown>;
  const members = Object.keys(record)
    .sort()
    .filter((name) => !isLeftOut(record[name]))
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(record[name], depth + 1)}`);
  return `{${members.join(',')}}`;
}

function isLeftOut(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol';
}

function describe(value: unknown): string {
  return typeof value === 'number' ? String(value) : typeof value;
}
