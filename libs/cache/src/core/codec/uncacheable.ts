import { CacheError } from '../errors/cache-error.js';
import type { ClassKind } from './class-kind.js';

const PATH_ENDS = 8;

/** The refusal of a value: what was found, where in the value, and what to do about it. */
export function uncacheable(what: string, path: readonly PropertyKey[], cure: string, cause?: unknown): CacheError {
  const where = path.length === 0 ? '' : ` at ${describePath(path)}`;
  const message = `Expected a value that can be cached, got ${what}${where}. ${cure}`;
  return new CacheError('LARDER_VALUE_UNCACHEABLE', message, { cause });
}

/** Names an object that cannot be copied by its class and by why. */
export function describeObject(value: object, kind: ClassKind): string {
  const { constructor } = value as { constructor?: { name?: unknown } };
  const name =
    typeof constructor === 'function' ? constructor.name : Object.prototype.toString.call(value).slice(8, -1);
  if (kind === 'live') return `something still going on (${name})`;
  if (kind === 'private') return `an instance of a class with private members (${name})`;
  return `an object with internal state (${name})`;
}

/** `value.rows[3]["first name"]`; the middle of a very long way is left out. */
function describePath(path: readonly PropertyKey[]): string {
  const shown = path.length <= 2 * PATH_ENDS ? path : [...path.slice(0, PATH_ENDS), null, ...path.slice(-PATH_ENDS)];
  return `value${shown.map(describeStep).join('')}`;
}

function describeStep(step: PropertyKey | null): string {
  if (step === null) return ' … ';
  if (typeof step === 'string') return /^[A-Za-z_$][\w$]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
  return `[${String(step)}]`;
}
