import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';

const refused = (code: string) => expect.objectContaining({ name: 'CacheError', code });

describe('intents as plain data', () => {
  it.each([
    [InvalidationIntent.key(''), '{"kind":"key","key":""}'],
    [InvalidationIntent.tag('t'), '{"kind":"tag","tag":"t"}'],
    [InvalidationIntent.scope('user'), '{"kind":"tag","tag":"%scope:user"}'],
    [InvalidationIntent.entity('user', 42n), '{"kind":"entity","entity":"user","key":"42"}'],
    [InvalidationIntent.collection('a:b'), '{"kind":"collection","collection":"a:b"}'],
    [InvalidationIntent.pattern('a*'), '{"kind":"pattern","pattern":"a*","scope":null}'],
    [InvalidationIntent.pattern('a*', 'user'), '{"kind":"pattern","pattern":"a*","scope":"user"}'],
    [InvalidationIntent.flush(), '{"kind":"flush"}'],
  ])('come back as they were: %j', (intent, json) => {
    expect(JSON.stringify(intent)).toBe(json);
    const again = InvalidationIntent.fromJSON(JSON.parse(json));
    expect(again).toBeInstanceOf(InvalidationIntent);
    expect(again.equals(intent)).toBe(true);
    expect(again.targetHashHex()).toBe(intent.targetHashHex());
  });

  it('may leave out the scope of a pattern', () => {
    expect(InvalidationIntent.fromJSON({ kind: 'pattern', pattern: 'a*' }).scope).toBeNull();
  });

  it.each<[unknown, RegExp]>([
    [null, /got `null`/],
    ['flush', /got "flush" \(string\)/],
    [[], /got an array of 0/],
    [{}, /the kind `undefined`; kinds are key, tag, entity, collection, pattern, flush/],
    [{ kind: 'Flush' }, /the kind "Flush"/],
    [{ kind: 'constructor' }, /the kind "constructor"/],
    [{ kind: '__proto__' }, /the kind "__proto__"/],
    [Object.create({ kind: 'flush' }), /the kind `undefined`/],
    [{ kind: 'key' }, /`undefined` as `key` of `key`/],
    [{ kind: 'key', key: 42 }, /`42` \(number\) as `key` of `key`/],
    [{ kind: 'entity', entity: 'user' }, /`undefined` as `key` of `entity`/],
    [{ kind: 'entity', entity: 'user', key: null }, /`null` as `key` of `entity`/],
    [{ kind: 'pattern', pattern: '*', scope: 1 }, /`1` \(number\) as `scope` of `pattern`/],
    [{ kind: 'flush', key: 'a' }, /the field "key" \(string\), which `flush` does not have/],
    [{ kind: 'key', key: 'a', value: { secret: 1 } }, /the field "value"/],
    [JSON.parse('{"kind":"flush","__proto__":{"kind":"key"}}'), /the field "__proto__"/],
  ])('are refused where their shape is wrong: %j', (json, message) => {
    expect(() => InvalidationIntent.fromJSON(json)).toThrow(refused('LARDER_INTENT_INVALID'));
    expect(() => InvalidationIntent.fromJSON(json)).toThrow(message);
  });

  it.each([
    [{ kind: 'key', key: '\ud800' }, 'LARDER_KEY_INVALID'],
    [{ kind: 'tag', tag: '\ud800' }, 'LARDER_TAG_INVALID'],
    [{ kind: 'pattern', pattern: '' }, 'LARDER_PATTERN_INVALID'],
    [{ kind: 'pattern', pattern: '*', scope: 'a:b' }, 'LARDER_KEY_INVALID'],
  ])('are refused where their content is wrong: %j', (json, code) => {
    expect(() => InvalidationIntent.fromJSON(json)).toThrow(refused(code));
  });
});
