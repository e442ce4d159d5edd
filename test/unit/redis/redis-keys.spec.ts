import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { Command } from 'ioredis';
import { RecordsCommand } from '../../../libs/cache/src/adapters/redis/record-request.js';
import { logical, physical, recordKey, RedisKeys } from '../../../libs/cache/src/adapters/redis/redis-keys.js';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...Array.from('a:%{}*?[]\\/hü\ud800\n\u0000')) }),
  fc.string({ minLength: 500, maxLength: 700 }),
);

describe('the physical form of a key', () => {
  it('is printable, holds nothing that steers slots or globs, and is at most 512 bytes', () => {
    fc.assert(
      fc.property(text, (key) => {
        expect(physical(key)).toMatch(/^[\x21-\x7e]*$/);
        expect(physical(key)).not.toMatch(/[{}*?[\]\\]/);
        expect(physical(key).length).toBeLessThanOrEqual(512);
      }),
    );
  });

  it('leads back to the key, unless only its hash is known', () => {
    fc.assert(
      fc.property(text, (key) => {
        const back = logical(physical(key));
        if (back === null) expect(physical(key)).toMatch(/^h:[0-9a-f]{64}$/);
        else expect(back).toBe(key);
      }),
    );
  });

  it('leaves plain keys as they are', () => {
    for (const key of ['user:get_user:123', 'order:find:a,b', 'x:\'"!$&+~']) expect(physical(key)).toBe(key);
  });

  it('cannot be taken for a hash', () => {
    expect(physical(`h:${'0'.repeat(64)}`)).toBe(`%68:${'0'.repeat(64)}`);
  });
});

describe('the Redis keys of records', () => {
  it('are each the start and the base64url of its own bytes, or of their SHA-256 beyond 64', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ minLength: 30, maxLength: 70 }));
    fc.assert(
      fc.property(fc.array(bytes), (keys) => {
        const alone = keys.map((key) => (key.length <= 64 ? key : createHash('sha256').update(key).digest()));
        const redisKeys = keys.map((key) => recordKey('x:', key));
        expect(redisKeys).toEqual(alone.map((key) => `x:${Buffer.from(key).toString('base64url')}`));
        // What is sent is what the client would have made of them.
        expect(new RecordsCommand('x:', keys).toWritable().toString()).toBe(
          String(new Command('mget', redisKeys).toWritable({})),
        );
      }),
    );
  });
});

describe.each([
  ['on one server', false],
  ['in a Cluster', true],
])('the keys of a namespace %s', (_, spread) => {
  const parts = (prefix: string, namespace: string, key: string): string[] => {
    const keys = new RedisKeys(prefix, namespace, spread);
    return [keys.entry(key), keys.permit(key), keys.heartbeat(key), keys.control, keys.log, keys.predicates];
  };

  it('are never those of another (I15)', () => {
    fc.assert(
      fc.property(text, text, text, text, text, text, (prefix1, ns1, key1, prefix2, ns2, key2) => {
        fc.pre(prefix1 !== prefix2 || ns1 !== ns2);
        const others = new Set(parts(prefix2, ns2, key2));
        expect(parts(prefix1, ns1, key1).filter((key) => others.has(key))).toEqual([]);
      }),
    );
  });

  it('differ by kind and by key', () => {
    fc.assert(
      fc.property(text, text, text, (namespace, key1, key2) => {
        const all = [...parts('p', namespace, key1), ...parts('p', namespace, key2)];
        expect(new Set(all).size).toBe(key1 === key2 ? 6 : 9);
      }),
    );
  });

  it('are found again among those of others', () => {
    fc.assert(
      fc.property(text, text, text, (ns1, ns2, key) => {
        const redisKey = new RedisKeys('p', ns1, spread).entry(key);
        const found = new RedisKeys('p', ns2, spread).keyOf(redisKey);
        expect(found).toBe(ns1 === ns2 ? logical(physical(key)) : undefined);
      }),
    );
  });

  it('lie in one slot as far as they decide validity, and an entry with its permit', () => {
    const slot = (key: string): string => /\{([^}]*)\}/.exec(key)![1]!;
    const keys = new RedisKeys('larder', 'shop', spread);
    const control = [keys.control, keys.log, keys.predicates, keys.members, keys.upkeepLock, keys.heartbeat('i')];
    expect(new Set(control.map(slot))).toEqual(new Set(['shop']));
    expect(slot(keys.entry('a:b'))).toBe(slot(keys.permit('a:b')));
    expect(slot(keys.entry('a:b'))).toBe(spread ? 'shop/a:b' : 'shop');
  });
});
