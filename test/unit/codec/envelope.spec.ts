import vm from 'node:vm';
import { CacheError } from '../../../libs/cache/src/core/errors/cache-error.js';
import { decodeEnvelope, encodeEnvelope } from '../../../libs/cache/src/core/codec/envelope.js';

const TIMES = { freshMs: 60_000, graceMs: 3_600_000, createdAt: 1_700_000_000_123 };

function encode(value: unknown): Uint8Array {
  return encodeEnvelope({ value, ...TIMES });
}

function roundTrip<T>(value: T): T {
  const envelope = decodeEnvelope(encode(value));
  expect(envelope).not.toBeNull();
  return envelope!.value as T;
}

function refusal(value: unknown): string {
  try {
    encode(value);
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError);
    expect((error as CacheError).code).toBe('LARDER_VALUE_UNCACHEABLE');
    return (error as CacheError).message;
  }
  throw new Error('the value was accepted');
}

describe('the envelope', () => {
  it.each<[string, unknown]>([
    ['numbers', [0, -0, 1, -1, 0.1, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, Number.MIN_VALUE]],
    ['-0 again and again', { a: -0, b: [-0, -0], c: new Map([['z', -0]]) }],
    ['text', ['', 'é', '漢字', '😀', 'x'.repeat(70_000), 'ü'.repeat(5000)]],
    ['ill-formed text', ['\ud800', `a\udc00${'b'.repeat(100)}`]],
    ['other primitives', [null, undefined, true, false]],
    [
      'bigints',
      [0n, 1n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n, 2n ** 5000n, -(2n ** 5000n)],
    ],
    ['dates', [new Date(0), new Date(1.7e12 + 7), new Date(-1), new Date(-8.64e15), new Date(8.64e15)]],
    [
      'maps with keys of any kind',
      new Map<unknown, unknown>([
        [1, 'a'],
        ['1', 'b'],
        [null, new Map([[{ a: 1 }, new Set([1])]])],
      ]),
    ],
    ['sets', new Set<unknown>([1, '1', undefined, [1], new Set()])],
    ['maps beside objects', [{}, new Map(), { a: 1 }, new Map([['a', 1]])]],
    ['records of many shapes', Array.from({ length: 300 }, (_, i) => ({ [`k${i % 90}`]: i, id: i }))],
    ['a dictionary', Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`id-${i}`, { i }]))],
    [
      'a dictionary beside a map',
      [Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, i])), new Map([['k', 1]])],
    ],
    [
      'odd keys',
      { '': 1, constructor: 2, prototype: 3, toString: 4, 'a b': 5, 7: 6, length: 8, hasOwnProperty: 9, toJSON: 10 },
    ],
    [
      'buffers',
      [Buffer.from('abc'), Buffer.alloc(0), Buffer.alloc(300, 1), new Uint8Array([1]), new Uint8ClampedArray([2])],
    ],
    [
      'typed arrays',
      [new Int8Array([-1]), new Int16Array([-1]), new Uint16Array([1]), new Int32Array([-1]), new Uint32Array([1])],
    ],
    [
      'wide typed arrays',
      [new Float32Array([0.5]), new Float64Array([NaN, -0]), new BigInt64Array([-1n]), new BigUint64Array([1n])],
    ],
    ['raw memory', [new Uint8Array([1, 2, 3]).buffer, new DataView(new Uint8Array([1, 2, 3]).buffer)]],
    ['regular expressions', [/a+/giu, new RegExp('/')]],
    [
      'errors',
      [new Error('no'), new TypeError('no', { cause: { why: 1 } }), Object.assign(new RangeError('no'), { status: 4 })],
    ],
  ])('carries %s faithfully', (_, value) => {
    expect(roundTrip(value)).toStrictEqual(value);
  });

  it('carries its times', () => {
    expect(decodeEnvelope(encode('v'))).toEqual({ value: 'v', ...TIMES });
    const forEver = { value: 1, freshMs: Infinity, graceMs: 0, createdAt: 0.5 };
    expect(decodeEnvelope(encodeEnvelope(forEver))).toEqual(forEver);
  });

  it('carries an invalid date and a class of error', () => {
    expect(roundTrip(new Date(NaN)).getTime()).toBeNaN();
    class Teapot extends Error {
      override name = 'Teapot';
      status = 418;
    }
    const error = roundTrip(new Teapot('short and stout'));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'Teapot',
      message: 'short and stout',
      status: 418,
      stack: 'Teapot: short and stout',
    });
  });

  it('carries cycles and repeated references', () => {
    const leaf = { n: 1 };
    const list = [leaf, leaf];
    const value: Record<string, unknown> = { list, again: list, map: new Map<unknown, unknown>([['leaf', leaf]]) };
    value['self'] = value;
    (value['map'] as Map<unknown, unknown>).set('map', value['map']);
    const copy = roundTrip(value) as { list: object[]; again: object[]; map: Map<string, unknown>; self: object };
    expect(copy.self).toBe(copy);
    expect(copy.again).toBe(copy.list);
    expect(copy.list[0]).toBe(copy.list[1]);
    expect(copy.map.get('leaf')).toBe(copy.list[0]);
    expect(copy.map.get('map')).toBe(copy.map);
  });

  it('carries a dictionary that holds itself', () => {
    const value: Record<string, unknown> = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i]));
    value['self'] = value;
    const copy = roundTrip(value);
    expect(copy['self']).toBe(copy);
    expect(copy['k39']).toBe(39);
  });

  it('makes plain objects of instances, accessors and objects without a prototype', () => {
    class Point {
      constructor(public x: number) {}
      get double(): number {
        return 2 * this.x;
      }
      toJSON(): string {
        return 'not asked for';
      }
    }
    const own = Object.defineProperty({}, 'now', { enumerable: true, get: () => 7 });
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(roundTrip([new Point(1), own, bare])).toStrictEqual([{ x: 1 }, { now: 7 }, { a: 1 }]);
  });

  it('knows built-ins of derived classes and of another realm', () => {
    class Money extends Map<string, number> {}
    class Rows extends Array<number> {}
    const foreign = vm.runInNewContext(
      '[{ a: 1 }, new Date(5), new Map([[1, 2]]), new Set([3]), /a/, new Uint8Array([1])]',
    ) as unknown;
    expect(roundTrip([new Money([['a', 1]]), Rows.from([1, 2])])).toStrictEqual([new Map([['a', 1]]), [1, 2]]);
    const expected = [{ a: 1 }, new Date(5), new Map([[1, 2]]), new Set([3]), /a/, new Uint8Array([1])];
    expect(roundTrip(foreign)).toStrictEqual(expected);
  });

  it('writes the keys of many rows once', () => {
    const rows = Array.from({ length: 100 }, (_, i) => ({
      identifier: i,
      description: 'x',
      available: true,
      owner: { number: i },
    }));
    expect(roundTrip(rows)).toStrictEqual(rows);
    expect(encode(rows).length).toBeLessThan(JSON.stringify(rows).length / 4);
  });

  it('leaves the encoded value as it was', () => {
    const value = Object.freeze({ z: -0, list: Object.freeze([Object.freeze({ a: 1 })]) });
    encode(value);
    expect(value).toStrictEqual({ z: -0, list: [{ a: 1 }] });
  });

  it('hands out buffers of its own', () => {
    const bytes = encode({ data: Buffer.from('hello'), view: new Uint8Array([1, 2, 3]) });
    const { data, view } = decodeEnvelope(bytes)!.value as { data: Buffer; view: Uint8Array };
    bytes.fill(0);
    expect(data.toString()).toBe('hello');
    expect([...view]).toEqual([1, 2, 3]);
    expect([data.buffer.byteLength, view.buffer.byteLength]).toEqual([5, 3]);
    expect(bytes.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize); // pins no large buffer
  });

  it('keeps messages apart: each can be read alone, in any order, after any failure', () => {
    const rows = (key: string): object[] => Array.from({ length: 5 }, (_, i) => ({ [key]: i, shared: { i } }));
    const messages = ['a', 'b', 'c'].map((key) => encode(rows(key)));
    expect(decodeEnvelope(messages[2]!)!.value).toEqual(rows('c'));
    expect(decodeEnvelope(messages[0]!.subarray(0, 60))).toBeNull();
    expect(decodeEnvelope(messages[1]!)!.value).toEqual(rows('b'));
    expect(() => encode([{ ok: 1 }, () => 1])).toThrow(CacheError);
    expect(Buffer.compare(encode(rows('a')), messages[0]!)).toBe(0);
  });

  describe('refuses to encode', () => {
    class Secret {
      #pin = 1;
      get pin(): number {
        return this.#pin;
      }
    }
    it.each<[string, unknown, RegExp]>([
      ['a function', () => 1, /a function/],
      ['a symbol', Symbol.for('a'), /a symbol/],
      ['an endless array', Object.assign([], { length: 2 ** 32 - 1 }), /an array of 4294967295 elements/],
      ['a promise', Promise.resolve(1), /still going on \(Promise\)/],
      ['private members', new Secret(), /private members \(Secret\)/],
      ['a WeakMap', new WeakMap(), /internal state \(WeakMap\)/],
      ['a boxed primitive', new String('a'), /internal state \(String\)/],
      ['shared memory', new Uint8Array(new SharedArrayBuffer(1)), /internal state \(Uint8Array\)/],
      ['a `__proto__` key', JSON.parse('{"__proto__":1}'), /own property named `__proto__`/],
    ])('%s', (_, value, message) => {
      expect(refusal(value)).toMatch(message);
      expect(refusal({ rows: [new Map([['k', value]])] })).toMatch(/at value\.rows\[0\]\[0\]\. Return plain data/);
    });

    it('what is nested too deep', () => {
      const nested = (levels: number): object => {
        let value: object = {};
        for (let i = 0; i < levels; i++) value = { value };
        return value;
      };
      expect(roundTrip(nested(500))).toEqual(nested(500));
      expect(refusal(nested(501))).toMatch(/deeper than 500 levels/);
      expect(refusal(nested(20_000))).toMatch(/deeper than 500 levels/);
    });

    it('more than `maxPayloadBytes`', () => {
      expect(refusal('x'.repeat(2 ** 20))).toMatch(/at most 1048576 bytes encoded, got 1048581 from/);
      expect(roundTrip('x'.repeat(2 ** 20 - 5))).toHaveLength(2 ** 20 - 5);
      const large = encodeEnvelope({ value: 'x'.repeat(2000), ...TIMES }, { maxPayloadBytes: 4096 });
      expect(decodeEnvelope(large, { maxPayloadBytes: 1000 })).toBeNull();
      expect(() => encodeEnvelope({ value: 'x'.repeat(2000), ...TIMES }, { maxPayloadBytes: 1000 })).toThrow(
        CacheError,
      );
    });
  });

  describe('takes for a miss', () => {
    const good = encode({ a: 1 });
    const changed = (at: number, byte: number): Uint8Array => Uint8Array.from(good).fill(byte, at, at + 1);
    it.each<[string, Uint8Array]>([
      ['no bytes', new Uint8Array(0)],
      ['a header alone', good.subarray(0, 26)],
      ['another version', changed(0, 2)],
      ['another codec', changed(1, 3)],
      ['the codec of references', changed(1, 2).fill(0xd6, 26, 27)],
      ['a negative life', changed(2, 0xc0)],
      ['a life that is no number', Uint8Array.from(good).fill(0xff, 2, 10)],
      ['a time that is no number', Uint8Array.from(good).fill(0xff, 18, 26)],
      ['bytes after the value', Buffer.concat([good, Buffer.from([0])])],
      ['text', Buffer.from('{"json":"of an older deploy","and":"long enough"}')],
    ])('%s', (_, bytes) => {
      expect(decodeEnvelope(bytes)).toBeNull();
    });

    it('every truncation', () => {
      for (const value of [
        { a: [1, 'x', new Date(5)] },
        'text',
        new Map([[1, new Set([2n ** 70n])]]),
        Buffer.from('abc'),
      ]) {
        const bytes = encode(value);
        for (let length = 0; length < bytes.length; length++)
          expect(decodeEnvelope(bytes.subarray(0, length))).toBeNull();
      }
    });
  });
});
