import { CacheError, describeInput } from '../errors/cache-error.js';
import { hashParts } from '../hash/length-prefixed-hash.js';
import { assertName } from '../keys/names.js';
import { compilePattern } from '../keys/key-pattern.js';
import { isWellFormed } from '../keys/well-formed.js';
import { hashedFields, type IntentKind, type IntentTarget, readTarget } from './intent-target.js';
import {
  assertNotReserved,
  assertTagText,
  collectionTag,
  type EntityId,
  entityIdText,
  entityTag,
  actionTag,
  scopeTag,
} from './tags.js';

/** What the cache does for an intent (REQ-004-05): entities and collections are tags by then. */
export type CacheInvalidation =
  | { readonly op: 'key'; readonly key: string }
  | { readonly op: 'tag'; readonly tag: string }
  | { readonly op: 'pattern'; readonly pattern: string; readonly scope: string | null }
  | { readonly op: 'flush' };

const HASH_DOMAIN = 'hydracache-invalidation-intent-v1';

/**
 * A recorded wish to invalidate (REQ-004-01). Immutable; it never carries a cached value. Values are kept raw: they are
 * escaped once, when the intent becomes an operation of the cache.
 */
export class InvalidationIntent {
  private constructor(
    /** The discriminated form, for `switch (intent.target.kind)`. */
    readonly target: IntentTarget,
  ) {
    Object.freeze(target);
    Object.freeze(this);
  }

  /**
   * One entry by its full key, `user:get_user:42`.
   *
   * @throws CacheError `LARDER_KEY_INVALID`
   */
  static key(key: string): InvalidationIntent {
    assertKeyText(key);
    return new InvalidationIntent({ kind: 'key', key });
  }

  /**
   * Every entry that carries the tag.
   *
   * @throws CacheError `LARDER_TAG_INVALID`, for reserved tags too: see {@link scope}
   */
  static tag(tag: string): InvalidationIntent {
    assertTagText('a tag', tag);
    assertNotReserved(tag);
    return new InvalidationIntent({ kind: 'tag', tag });
  }

  /** Every entry of a scope, by its implicit tag. @throws CacheError `LARDER_KEY_INVALID` */
  static scope(scope: string): InvalidationIntent {
    assertName('scope', scope);
    return new InvalidationIntent({ kind: 'tag', tag: scopeTag(scope) });
  }

  /** Every entry of one action of a scope, by its implicit tag. @throws CacheError `LARDER_KEY_INVALID` */
  static action(scope: string, action: string): InvalidationIntent {
    assertName('scope', scope);
    assertName('action', action);
    return new InvalidationIntent({ kind: 'tag', tag: actionTag(scope, action) });
  }

  /**
   * Every entry that shows the entity. `42`, `42n` and `'42'` are the same id.
   *
   * @throws CacheError `LARDER_TAG_INVALID`
   */
  static entity(entity: string, key: EntityId): InvalidationIntent {
    assertTagText('an entity name', entity);
    return new InvalidationIntent({ kind: 'entity', entity, key: entityIdText(key) });
  }

  /** Every entry that shows the collection. @throws CacheError `LARDER_TAG_INVALID` */
  static collection(collection: string): InvalidationIntent {
    assertTagText('a collection name', collection);
    return new InvalidationIntent({ kind: 'collection', collection });
  }

  /**
   * Every entry whose key matches: the local keys of `scope`, or without one the full keys of the namespace.
   *
   * @throws CacheError `LARDER_PATTERN_INVALID`, `LARDER_PATTERN_TOO_LONG`, `LARDER_KEY_INVALID` for the scope
   */
  static pattern(pattern: string, scope: string | null = null): InvalidationIntent {
    compilePattern(pattern); // what cannot be matched must fail here, not later in a worker

    if (scope !== null) assertName('scope', scope);
    return new InvalidationIntent({ kind: 'pattern', pattern, scope });
  }

  /** Every entry of the namespace. */
  static flush(): InvalidationIntent {
    return new InvalidationIntent({ kind: 'flush' });
  }

  /**
   * Builds the intent again from what {@link toJSON} gave: exactly the fields of its kind, nothing else.
   *
   * @throws CacheError `LARDER_INTENT_INVALID`, or as the factory of its kind
   */
  static fromJSON(json: unknown): InvalidationIntent {
    const target = readTarget(json);
    switch (target.kind) {
      case 'key':
        return InvalidationIntent.key(target.key);
      case 'tag':
        assertTagText('a tag', target.tag);
        return new InvalidationIntent({ kind: 'tag', tag: target.tag }); // reserved tags too: a recorded clear of a scope
      case 'entity':
        return InvalidationIntent.entity(target.entity, target.key);
      case 'collection':
        return InvalidationIntent.collection(target.collection);
      case 'pattern':
        return InvalidationIntent.pattern(target.pattern, target.scope);
      case 'flush':
        return InvalidationIntent.flush();
    }
  }

  get kind(): IntentKind {
    return this.target.kind;
  }

  /** Key of a key or entity, tag, collection or pattern; `null` for a flush (REQ-004-02). */
  get value(): string | null {
    return this.key ?? this.tag ?? this.collection ?? this.pattern;
  }

  /** Key of the entry, or of the entity. */
  get key(): string | null {
    return 'key' in this.target ? this.target.key : null;
  }

  get tag(): string | null {
    return 'tag' in this.target ? this.target.tag : null;
  }

  get entity(): string | null {
    return 'entity' in this.target ? this.target.entity : null;
  }

  get collection(): string | null {
    return 'collection' in this.target ? this.target.collection : null;
  }

  get pattern(): string | null {
    return 'pattern' in this.target ? this.target.pattern : null;
  }

  get scope(): string | null {
    return 'scope' in this.target ? this.target.scope : null;
  }

  /**
   * SHA-256 that identifies the target in the outbox: two intents share it only if they are equal (REQ-004-03, 04). A
   * pattern hashes its scope only where it has one.
   */
  targetHash(): Uint8Array {
    return hashParts(HASH_DOMAIN, this.kind, ...hashedFields(this.target));
  }

  /** {@link targetHash} as 64 lower-case hexadecimal digits. */
  targetHashHex(): string {
    return Buffer.from(this.targetHash()).toString('hex');
  }

  /** What the cache is to do. Here, and only here, entity and collection names are escaped (REQ-004-06). */
  toCacheInvalidation(): CacheInvalidation {
    const { target } = this;
    switch (target.kind) {
      case 'key':
        return { op: 'key', key: target.key };
      case 'tag':
        return { op: 'tag', tag: target.tag };
      case 'entity':
        return { op: 'tag', tag: entityTag(target.entity, target.key) };
      case 'collection':
        return { op: 'tag', tag: collectionTag(target.collection) };
      case 'pattern':
        return { op: 'pattern', pattern: target.pattern, scope: target.scope };
      case 'flush':
        return { op: 'flush' };
    }
  }

  /** True for the same kind with the same fields. An entity is not the tag that it becomes. */
  equals(other: InvalidationIntent): boolean {
    const mine = hashedFields(this.target);
    const others = hashedFields(other.target);
    return this.kind === other.kind && mine.length === others.length && mine.every((field, i) => field === others[i]);
  }

  toJSON(): IntentTarget {
    return this.target;
  }
}

function assertKeyText(key: unknown): asserts key is string {
  if (typeof key === 'string' && isWellFormed(key)) return;
  const expected = typeof key === 'string' ? `well-formed text (it holds half of a surrogate pair)` : 'text';
  throw new CacheError(
    'LARDER_KEY_INVALID',
    `Expected a key to be ${expected}, got ${describeInput(key)}. Give the full key, e.g. \`user:get_user:42\`.`,
  );
}
