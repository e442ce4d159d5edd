import { CacheError, describeInput } from '../errors/cache-error.js';

/** What an intent is aimed at, as plain data; `kind` decides which fields there are. */
export type IntentTarget =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'entity'; readonly entity: string; readonly key: string }
  | { readonly kind: 'collection'; readonly collection: string }
  | { readonly kind: 'pattern'; readonly pattern: string; readonly scope: string | null }
  | { readonly kind: 'flush' };

export type IntentKind = IntentTarget['kind'];

/** The fields in the order in which they are hashed (REQ-004-03); a pattern's scope only where it has one. */
export function hashedFields(target: IntentTarget): readonly string[] {
  switch (target.kind) {
    case 'key':
      return [target.key];
    case 'tag':
      return [target.tag];
    case 'entity':
      return [target.entity, target.key];
    case 'collection':
      return [target.collection];
    case 'pattern':
      return target.scope === null ? [target.pattern] : [target.pattern, target.scope];
    case 'flush':
      return [];
  }
}

const FIELDS: Record<IntentKind, readonly string[]> = {
  key: ['key'],
  tag: ['tag'],
  entity: ['entity', 'key'],
  collection: ['collection'],
  pattern: ['pattern', 'scope'],
  flush: [],
};

/**
 * Reads a target from plain data: exactly the fields of its kind, each of its type. What the fields may hold is for the
 * factories of the intent to check.
 *
 * @throws CacheError `LARDER_INTENT_INVALID`
 */
export function readTarget(json: unknown): IntentTarget {
  const expected = `Expected an intent as plain data, e.g. {"kind":"entity","entity":"user","key":"42"}`;
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw intentInvalid(expected, describeInput(json));
  const record = json as Record<string, unknown>;
  const kind = Object.hasOwn(record, 'kind') ? record.kind : undefined;
  if (typeof kind !== 'string' || !Object.hasOwn(FIELDS, kind)) {
    throw intentInvalid(expected, `the kind ${describeInput(kind)}; kinds are ${Object.keys(FIELDS).join(', ')}`);
  }
  const fields = FIELDS[kind as IntentKind];
  const extra = Object.keys(record).find((name) => name !== 'kind' && !fields.includes(name));
  if (extra !== undefined)
    throw intentInvalid(expected, `the field ${describeInput(extra)}, which \`${kind}\` does not have`);
  const target: Record<string, unknown> = { kind };
  for (const name of fields) {
    const value = Object.hasOwn(record, name) ? record[name] : undefined;
    const optional = name === 'scope' && (value === undefined || value === null);
    if (!optional && typeof value !== 'string')
      throw intentInvalid(expected, `${describeInput(value)} as \`${name}\` of \`${kind}\``);
    target[name] = optional ? null : value;
  }
  return target as unknown as IntentTarget;
}

function intentInvalid(expected: string, got: string): CacheError {
  return new CacheError('LARDER_INTENT_INVALID', `${expected}; got ${got}. Store what \`intent.toJSON()\` gives.`);
}
