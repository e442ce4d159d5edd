import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { outboxRowId } from '../../../libs/cache/src/core/outbox/outbox-row-id.js';

interface IntentCase {
  name: string;
  intent: Record<string, unknown>;
  kind: string;
  value: string;
  target_hash: string;
  cache_invalidation: Record<string, unknown>;
}
interface RowIdCase {
  namespace: string;
  commit_position: string;
  intent_name: string;
  target_hash: string;
  row_id: string;
}
const vectors = JSON.parse(readFileSync(new URL('../../fixtures/vectors.json', import.meta.url), 'utf8')) as {
  target_hashes: { cases: IntentCase[] };
  outbox_row_ids: { cases: RowIdCase[] };
  double_escape_trap: { collection: string; tag: string; wrong_tag_if_escaped_twice: string };
};

/** The vectors write 70,000 characters as a repetition. */
function read({ key_repeat: repeat, ...fields }: Record<string, unknown>): InvalidationIntent {
  if (repeat === undefined) return InvalidationIntent.fromJSON(fields);
  const { char, times } = repeat as { char: string; times: number };
  return InvalidationIntent.fromJSON({ ...fields, key: char.repeat(times) });
}

const refused = (code: string) => expect.objectContaining({ name: 'CacheError', code });

const EVERY_KIND = [
  InvalidationIntent.key('user:get_user:42'),
  InvalidationIntent.tag('tenant:7'),
  InvalidationIntent.scope('user'),
  InvalidationIntent.action('user', 'get_user'),
  InvalidationIntent.entity('user', 42),
  InvalidationIntent.collection('users'),
  InvalidationIntent.pattern('get_user:*'),
  InvalidationIntent.pattern('get_user:*', 'user'),
  InvalidationIntent.flush(),
];

describe('intents of the vectors', () => {
  it.each(vectors.target_hashes.cases)('$name', ({ intent, kind, value, target_hash, cache_invalidation }) => {
    const parsed = read(intent);
    expect(parsed.kind).toBe(kind);
    if (intent.key_repeat === undefined) expect(parsed.value).toBe(value);
    expect(parsed.targetHashHex()).toBe(target_hash);
    expect(Buffer.from(parsed.targetHash()).toString('hex')).toBe(target_hash);
    expect(parsed.toCacheInvalidation()).toMatchObject(cache_invalidation);
  });

  it('all have another hash', () => {
    const hashes = vectors.target_hashes.cases.map(({ intent }) => read(intent).targetHashHex());
    expect(new Set(hashes).size).toBe(vectors.target_hashes.cases.length);
  });

  it('escape a collection once', () => {
    const { collection, tag, wrong_tag_if_escaped_twice: wrong } = vectors.double_escape_trap;
    const intent = InvalidationIntent.collection(collection);
    expect(intent.collection).toBe(collection);
    expect(intent.toCacheInvalidation()).toEqual({ op: 'tag', tag });
    expect(tag).not.toBe(wrong);
    expect(InvalidationIntent.fromJSON(intent.toJSON()).toCacheInvalidation()).toEqual({ op: 'tag', tag });
  });

  it.each(vectors.outbox_row_ids.cases.filter((row) => row.intent_name === 'flush'))(
    'give the row id of a flush in $namespace',
    ({ namespace, commit_position, row_id }) => {
      expect(outboxRowId(namespace, commit_position, InvalidationIntent.flush().targetHashHex())).toBe(row_id);
    },
  );
});

describe('intents', () => {
  it.each([
    [InvalidationIntent.key('k'), { kind: 'key', value: 'k', key: 'k' }],
    [InvalidationIntent.tag('t'), { kind: 'tag', value: 't', tag: 't' }],
    [InvalidationIntent.entity('user', 'u1'), { kind: 'entity', value: 'u1', entity: 'user', key: 'u1' }],
    [InvalidationIntent.collection('users'), { kind: 'collection', value: 'users', collection: 'users' }],
    [InvalidationIntent.pattern('a*', 'user'), { kind: 'pattern', value: 'a*', pattern: 'a*', scope: 'user' }],
    [InvalidationIntent.flush(), { kind: 'flush', value: null }],
  ])('show what they are aimed at: %j', (intent, shown) => {
    const none = { key: null, tag: null, entity: null, collection: null, pattern: null, scope: null };
    const { kind, value, key, tag, entity, collection, pattern, scope } = intent;
    expect({ kind, value, key, tag, entity, collection, pattern, scope }).toEqual({ ...none, ...shown });
  });

  it.each([
    [InvalidationIntent.key('a:b%'), { op: 'key', key: 'a:b%' }],
    [InvalidationIntent.tag('a:b%'), { op: 'tag', tag: 'a:b%' }],
    [InvalidationIntent.scope('user'), { op: 'tag', tag: '%scope:user' }],
    [InvalidationIntent.entity('a:b', 'c%'), { op: 'tag', tag: 'a%3Ab:c%25' }],
    [InvalidationIntent.entity('%scope', 'user'), { op: 'tag', tag: '%25scope:user' }],
    [InvalidationIntent.pattern('a*'), { op: 'pattern', pattern: 'a*', scope: null }],
    [InvalidationIntent.pattern('a*', 'user'), { op: 'pattern', pattern: 'a*', scope: 'user' }],
    [InvalidationIntent.flush(), { op: 'flush' }],
  ])('become an operation of the cache: %j', (intent, operation) => {
    expect(intent.toCacheInvalidation()).toEqual(operation);
  });

  it('cannot be changed', () => {
    for (const intent of EVERY_KIND) {
      expect(Object.isFrozen(intent)).toBe(true);
      expect(Object.isFrozen(intent.target)).toBe(true);
      expect(() => Object.assign(intent.target, { key: 'other' })).toThrow(TypeError);
    }
  });

  it('name the same entity by a number, a bigint and text', () => {
    const byText = InvalidationIntent.entity('user', '42');
    for (const id of [42, 42n]) {
      expect(InvalidationIntent.entity('user', id).equals(byText)).toBe(true);
      expect(InvalidationIntent.entity('user', id).targetHashHex()).toBe(byText.targetHashHex());
    }
  });

  it('are equal only to intents of the same kind and fields', () => {
    for (const [i, one] of EVERY_KIND.entries()) {
      for (const [j, other] of EVERY_KIND.entries()) {
        expect(one.equals(other)).toBe(i === j);
        expect(one.targetHashHex() === other.targetHashHex()).toBe(i === j);
      }
    }
    expect(InvalidationIntent.tag('user:42').equals(InvalidationIntent.entity('user', 42))).toBe(false);
  });

  it('share a hash only where they are equal', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ':', '%', '\u0000', 'é', ' '), maxLength: 3 });
    const name = fc.constantFrom('a', 'b', 'ab');
    const pattern = text.filter((value) => value !== '');
    const intent = fc.oneof(
      text.map((value) => InvalidationIntent.key(value)),
      text.filter((value) => !value.startsWith('%scope:')).map((value) => InvalidationIntent.tag(value)),
      fc.tuple(text, text).map(([entity, key]) => InvalidationIntent.entity(entity, key)),
      text.map((value) => InvalidationIntent.collection(value)),
      fc.tuple(pattern, fc.option(name)).map(([value, scope]) => InvalidationIntent.pattern(value, scope)),
    );
    const byHash = new Map<string, InvalidationIntent>();
    fc.assert(
      fc.property(intent, (one) => {
        const earlier = byHash.get(one.targetHashHex()) ?? one;
        expect(earlier.equals(one)).toBe(true);
        byHash.set(one.targetHashHex(), one);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('intents are refused', () => {
  it.each<[string, () => unknown, string]>([
    ['for half of a surrogate pair in a key', () => InvalidationIntent.key('a\ud800'), 'LARDER_KEY_INVALID'],
    ['for half of a surrogate pair in a tag', () => InvalidationIntent.tag('\udc00'), 'LARDER_TAG_INVALID'],
    ['for half of a surrogate pair in an entity', () => InvalidationIntent.entity('\ud800', 1), 'LARDER_TAG_INVALID'],
    ['for half of a surrogate pair in an id', () => InvalidationIntent.entity('a', '\ud800'), 'LARDER_TAG_INVALID'],
    [
      'for half of a surrogate pair in a collection',
      () => InvalidationIntent.collection('\ud800'),
      'LARDER_TAG_INVALID',
    ],
    [
      'for half of a surrogate pair in a pattern',
      () => InvalidationIntent.pattern('\ud800*'),
      'LARDER_PATTERN_INVALID',
    ],
    ['for a key that is no text', () => InvalidationIntent.key(42 as unknown as string), 'LARDER_KEY_INVALID'],
    ['for a tag that is no text', () => InvalidationIntent.tag(undefined as unknown as string), 'LARDER_TAG_INVALID'],
    [
      'for an id that is missing',
      () => InvalidationIntent.entity('user', undefined as unknown as string),
      'LARDER_TAG_INVALID',
    ],
    ['for an id that is no number', () => InvalidationIntent.entity('user', NaN), 'LARDER_TAG_INVALID'],
    ['for a reserved tag', () => InvalidationIntent.tag('%scope:user'), 'LARDER_TAG_INVALID'],
    ['for a scope that is no name', () => InvalidationIntent.scope('a:b'), 'LARDER_KEY_INVALID'],
    ['for an action that is no name', () => InvalidationIntent.action('user', 'a/b'), 'LARDER_KEY_INVALID'],
    ['for an empty pattern', () => InvalidationIntent.pattern(''), 'LARDER_PATTERN_INVALID'],
    ['for a pattern that cannot be matched', () => InvalidationIntent.pattern('/(/'), 'LARDER_PATTERN_INVALID'],
    ['for a pattern that is too long', () => InvalidationIntent.pattern('x'.repeat(1001)), 'LARDER_PATTERN_TOO_LONG'],
    ['for a pattern of no scope', () => InvalidationIntent.pattern('*', ''), 'LARDER_KEY_INVALID'],
  ])('%s', (_, build, code) => {
    expect(build).toThrow(refused(code));
  });

  it('with the cure in the message', () => {
    expect(() => InvalidationIntent.tag('%scope:user')).toThrow(
      /got "%scope:user".*use `InvalidationIntent\.scope\(name\)`/,
    );
    expect(() => InvalidationIntent.key('a\ud800')).toThrow(/half of a surrogate pair/);
    expect(() => InvalidationIntent.entity('user', undefined as unknown as string)).toThrow(
      /entity id.*got `undefined`/,
    );
  });
});
