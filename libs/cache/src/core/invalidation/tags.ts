import { isVersionTag } from '../coherence/source-version.js';
import { CacheError, describeInput } from '../errors/cache-error.js';
import { joinSegments } from '../keys/segment.js';
import { isWellFormed } from '../keys/well-formed.js';

/** Longest tag an entry may carry, in UTF-8 bytes. */
export const MAX_TAG_BYTES = 512;

/** What identifies an entity of one kind. `42`, `42n` and `'42'` name the same entity, as they do in a URL or a table. */
export type EntityId = string | number | bigint;

/** Escaped segments never hold a bare `%`, so no tag built from a name or an id can begin like this. */
const SCOPE_TAG_PREFIX = '%scope:';
/** Begins the tags that name parts of a prefix index. */
export const PREFIX_TAG = '%prefix:';

/**
 * The tag of one entity, `user:42`. Both parts are escaped, so `entityTag('a:b', 'c')` and `entityTag('a', 'b:c')` differ
 * (REQ-004-05, REQ-004-06).
 *
 * @throws CacheError `LARDER_TAG_INVALID` where a part is missing, e.g. an id that is `undefined` or `NaN`
 */
export function entityTag(entity: string, id: EntityId): string {
  assertTagText('an entity name', entity);
  return joinSegments([entity, entityIdText(id)]);
}

/**
 * The tag of a collection, `users`; escaped like a segment.
 *
 * @throws CacheError `LARDER_TAG_INVALID`
 */
export function collectionTag(collection: string): string {
  assertTagText('a collection name', collection);
  return joinSegments([collection]);
}

/** The tag every entry of a scope carries by itself; invalidating it clears the scope. */
export function scopeTag(scope: string): string {
  return `${SCOPE_TAG_PREFIX}${joinSegments([scope])}`;
}

/** The tag every entry of one action carries by itself, where something may empty the action as a whole; `/` is in no name. */
export function actionTag(scope: string, action: string): string {
  return `${scopeTag(scope)}/${action}`;
}

/** True for tags that only Larder gives: the implicit ones of scopes and of a prefix index, and versions. */
export function isReservedTag(tag: string): boolean {
  return tag.startsWith(SCOPE_TAG_PREFIX) || tag.startsWith(PREFIX_TAG) || isVersionTag(tag);
}

/**
 * Checks a tag that an application gives to an entry: non-empty well-formed text of at most 512 bytes, not reserved.
 *
 * @throws CacheError `LARDER_TAG_INVALID`
 */
export function assertTag(tag: unknown): asserts tag is string {
  assertTagText('a tag', tag);
  if (tag === '') throw invalid('a tag', 'non-empty text', tag);
  assertNotReserved(tag);
  if (tag.length * 3 > MAX_TAG_BYTES && Buffer.byteLength(tag) > MAX_TAG_BYTES) {
    throw new CacheError(
      'LARDER_TAG_INVALID',
      `Expected a tag of at most ${MAX_TAG_BYTES} bytes, got ${Buffer.byteLength(tag)}. Tag by an id, not by content.`,
    );
  }
}

/** @throws CacheError `LARDER_TAG_INVALID` */
export function assertNotReserved(tag: string): void {
  if (!isReservedTag(tag)) return;
  throw new CacheError(
    'LARDER_TAG_INVALID',
    `Expected a tag that does not begin with \`${SCOPE_TAG_PREFIX}\`, \`${PREFIX_TAG}\` or \`%version:\`, got ${describeInput(tag)}. ` +
      'Those mark the implicit tag of a scope, a part of a prefix index and the version of a source; to clear a scope use `InvalidationIntent.scope(name)`.',
  );
}

/** @throws CacheError `LARDER_TAG_INVALID` for anything but well-formed text */
export function assertTagText(what: string, text: unknown): asserts text is string {
  if (typeof text !== 'string') throw invalid(what, 'text', text);
  if (!isWellFormed(text)) throw invalid(what, 'well-formed text (it holds half of a surrogate pair)', text);
}

/** @throws CacheError `LARDER_TAG_INVALID` for anything that identifies no entity */
export function entityIdText(id: unknown): string {
  if (typeof id === 'bigint' || (typeof id === 'number' && Number.isFinite(id))) return String(id);
  if (typeof id !== 'string') throw invalid('an entity id', 'a string, a finite number or a bigint', id);
  assertTagText('an entity id', id);
  return id;
}

function invalid(what: string, expected: string, got: unknown): CacheError {
  return new CacheError(
    'LARDER_TAG_INVALID',
    `Expected ${what} to be ${expected}, got ${describeInput(got)}. Build tags with \`entityTag('user', 42)\` or \`collectionTag('users')\`.`,
  );
}
