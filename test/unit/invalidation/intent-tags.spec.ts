import {
  actionTag,
  assertTag,
  collectionTag,
  entityTag,
  isReservedTag,
  scopeTag,
} from '../../../libs/cache/src/core/invalidation/tags.js';

const invalidTag = expect.objectContaining({ name: 'CacheError', code: 'LARDER_TAG_INVALID' });

describe('tags', () => {
  it('of entities and collections are escaped segments', () => {
    expect(entityTag('user', 42)).toBe('user:42');
    expect(entityTag('user', 42n)).toBe('user:42');
    expect(entityTag('account:user', '42%beta')).toBe('account%3Auser:42%25beta');
    expect(entityTag('a:b', 'c')).not.toBe(entityTag('a', 'b:c'));
    expect(collectionTag('users:active')).toBe('users%3Aactive');
  });

  it('of actions are reserved and meet no scope', () => {
    expect(actionTag('user', 'get_user')).toBe('%scope:user/get_user');
    expect(isReservedTag(actionTag('user', 'get_user'))).toBe(true);
    expect(actionTag('user', 'a.b')).not.toBe(actionTag('user.a', 'b'));
    expect(() => assertTag(actionTag('user', 'get_user'))).toThrow(invalidTag);
  });

  it('of scopes cannot be built from entities or collections, nor given by applications', () => {
    expect(scopeTag('user')).toBe('%scope:user');
    expect(isReservedTag(scopeTag('user'))).toBe(true);
    for (const tag of [entityTag('%scope', 'user'), collectionTag('%scope:user'), 'scope:user', '']) {
      expect(isReservedTag(tag)).toBe(false);
    }
    expect(() => assertTag('%scope:user')).toThrow(invalidTag);
  });

  it.each(['a', 'user:42', '100%', ' ', 'größe 😀', '%scop', 'x'.repeat(512), '*', 'é'.repeat(256)])(
    'may be %p',
    (tag) => {
      expect(() => assertTag(tag)).not.toThrow();
    },
  );

  it.each(['', '%scope:', 'x'.repeat(513), 'é'.repeat(257), '\ud800', undefined, null, 42, ['a'], {}])(
    'may not be %p',
    (tag) => {
      expect(() => assertTag(tag)).toThrow(invalidTag);
    },
  );

  it('are refused with what came and what to write', () => {
    expect(() => assertTag(42)).toThrow(
      /Expected a tag to be text, got `42` \(number\)\. Build tags with `entityTag\('user', 42\)`/,
    );
    expect(() => assertTag('x'.repeat(513))).toThrow(/at most 512 bytes, got 513/);
  });

  it.each([undefined, null, NaN, Infinity, {}, true])('are not built for the entity id %p', (id) => {
    expect(() => entityTag('user', id as unknown as string)).toThrow(invalidTag);
  });
});
