import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import vm from 'node:vm';
import { CacheError } from '../../../libs/cache/src/core/errors/cache-error.js';
import { cloneForCaller, snapshot, type Isolation } from '../../../libs/cache/src/core/engine/isolation.js';

function refusal(value: unknown, mode: Isolation = 'freeze'): string {
  try {
    snapshot(value, mode);
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError);
    expect((error as CacheError).code).toBe('LARDER_VALUE_UNCACHEABLE');
    return (error as CacheError).message;
  }
  throw new Error('the value was accepted');
}

/** The copy a caller gets in the end, as the engine hands it out. */
function handedOut<T>(value: T, mode: Isolation = 'freeze'): T {
  const stored = snapshot(value, mode);
  return (stored.shared ? stored.value : cloneForCaller(stored.value)) as T;
}

class Point {
  constructor(
    public x: number,
    public y: number,
  ) {}

  get length(): number {
    return Math.hypot(this.x, this.y);
  }
}

describe('snapshot', () => {
  describe.each(['freeze', 'clone'] as const)('with isolation %s', (mode) => {
    it.each<[string, () => unknown]>([
      ['numbers', () => [0, -0, 1.5, NaN, -Infinity, 2 ** 53]],
      ['text', () => ['', 'a', 'é', '漢字', '😀', '\ud800', 'x'.repeat(100_000)]],
      ['other primitives', () => [null, undefined, true, false, 12n, -(2n ** 200n), Symbol.for('s')]],
      ['nested plain data', () => ({ a: { b: [1, { c: [] }], d: {} }, 'odd key': 1, 7: 'seven' })],
      ['an array with holes', () => Object.assign([1, undefined], { length: 4 })],
      ['dates', () => ({ at: new Date(1e12), list: [new Date(-1)] })],
      [
        'maps',
        () =>
          new Map<unknown, unknown>([
            ['a', { b: 1 }],
            [{ key: 1 }, new Map([[1, 2]])],
          ]),
      ],
      ['sets', () => new Set<unknown>([1, 'a', { b: 1 }, new Set([2])])],
      ['regular expressions', () => [/a+/giu, new RegExp('/', 'y')]],
      ['errors', () => new TypeError('no', { cause: new Error('why') })],
      ['addresses', () => [new URL('https://user@example.org:8080/a?b=1#c'), new URLSearchParams('a=1&a=2')]],
      [
        'buffers',
        () => [Buffer.from('abc'), new Uint8Array([1, 2]), new Float64Array([1.5, NaN]), new BigInt64Array([-1n])],
      ],
      ['raw memory', () => [new Uint8Array([1, 2, 3]).buffer, new DataView(new Uint8Array([1, 2, 3]).buffer, 1, 2)]],
      ['boxed primitives', () => [new String('abc'), new Number(1), new Boolean(false)]],
      ['instances', () => ({ a: new Point(3, 4), list: [new Point(1, 2)] })],
      ['symbol keys', () => ({ [Symbol.for('k')]: { nested: 1 }, a: 1 })],
    ])('hands out %s as they were', (_, make) => {
      const value = make();
      const copy = handedOut(value, mode);
      expect(copy).toStrictEqual(make());
      expect(value).toStrictEqual(make());
    });

    it('hands out nothing that reaches the loaded object', () => {
      const value = { list: [{ a: 1 }], map: new Map([['k', { b: 1 }]]), at: new Date(5), bytes: Buffer.from('abc') };
      const stored = snapshot(value, mode);
      value.list[0]!.a = 2;
      value.map.get('k')!.b = 2;
      value.at.setTime(6);
      value.bytes.fill(0);
      const expected = {
        list: [{ a: 1 }],
        map: new Map([['k', { b: 1 }]]),
        at: new Date(5),
        bytes: Buffer.from('abc'),
      };
      expect(cloneForCaller(stored.value)).toStrictEqual(expected);
    });

    it('copies what symbol keys hold, too', () => {
      const key = Symbol('key');
      const value = { [key]: { a: 1 } };
      const copy = handedOut(value, mode);
      value[key]!.a = 2;
      expect(copy[key]).toEqual({ a: 1 });
    });

    it('keeps cycles and repeated references', () => {
      const leaf = { n: 1 };
      const value: Record<string, unknown> = { a: leaf, b: [leaf], m: new Map<unknown, unknown>([[leaf, leaf]]) };
      value['self'] = value;
      value['set'] = new Set([value]);
      const copy = handedOut(value, mode) as {
        a: object;
        b: object[];
        m: Map<object, object>;
        self: object;
        set: Set<object>;
      };
      expect(copy.self).toBe(copy);
      expect(copy.set.has(copy)).toBe(true);
      expect(copy.b[0]).toBe(copy.a);
      expect(copy.m.get(copy.a)).toBe(copy.a);
      expect(copy.a).not.toBe(leaf);
    });

    it('keeps repeated references among many objects', () => {
      const items = Array.from({ length: 100 }, (_, i) => ({ i }));
      const copy = handedOut([...items, ...items], mode);
      expect(new Set(copy).size).toBe(100);
      expect(copy.slice(0, 100).every((item, i) => item === copy[100 + i])).toBe(true);
    });

    it('keeps classes, derived built-ins among them', () => {
      class Money extends Map<string, number> {
        currency = 'EUR';
      }
      class Rows extends Array<number> {
        total(): number {
          return this.reduce((a, b) => a + b, 0);
        }
      }
      class Failure extends Error {
        override name = 'Failure';
        status = 404;
      }
      const rows = new Rows();
      rows.push(1, 2, 3);
      const copy = handedOut({ money: new Money([['a', 1]]), rows, failure: new Failure('no') }, mode);
      expect(copy.money).toBeInstanceOf(Money);
      expect([copy.money.get('a'), copy.money.currency]).toEqual([1, 'EUR']);
      expect(copy.rows).toBeInstanceOf(Rows);
      expect([copy.rows.total(), copy.rows.length]).toEqual([6, 3]);
      expect(copy.failure).toBeInstanceOf(Failure);
      expect([copy.failure.message, copy.failure.status, copy.failure.name]).toEqual(['no', 404, 'Failure']);
      expect(handedOut(new Point(3, 4), mode).length).toBe(5);
    });

    it('keeps objects without a prototype', () => {
      const value = Object.assign(Object.create(null) as object, { a: { b: 1 } });
      const copy = handedOut(value, mode);
      expect(Object.getPrototypeOf(copy)).toBeNull();
      expect({ ...copy }).toEqual({ a: { b: 1 } });
    });

    it('knows objects of another realm', () => {
      const value = vm.runInNewContext('({ list: [1, { a: 1 }], at: new Date(5), map: new Map([[1, 2]]) })') as object;
      const copy = handedOut(value, mode);
      expect(structuredClone(copy)).toEqual(structuredClone(value));
    });

    it('stores what accessors gave, without running setters', () => {
      let reads = 0;
      class Temperature {
        set fahrenheit(_: number) {
          throw new Error('a setter ran');
        }
      }
      const value = new Temperature();
      Object.defineProperty(value, 'fahrenheit', { enumerable: true, get: () => `read ${++reads}` });
      expect(Object.getOwnPropertyDescriptor(handedOut(value, mode), 'fahrenheit')).toMatchObject({ value: 'read 1' });
      expect(reads).toBe(1);
    });

    it('takes `__proto__` and `constructor` for the keys they are', () => {
      const value = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as object;
      const copy = handedOut(value, mode);
      expect(Object.keys(copy)).toEqual(['__proto__', 'constructor']);
      expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
      expect(Object.getOwnPropertyDescriptor(copy, '__proto__')?.value).toEqual({ polluted: 1 });
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    });
  });

  describe('with isolation freeze', () => {
    it('shares one deeply frozen copy of plain data and instances, and leaves the original alone', () => {
      const value = { list: [{ a: 1 }], point: new Point(1, 2), none: Object.create(null) as object };
      const stored = snapshot(value, 'freeze');
      const copy = stored.value as typeof value;
      expect(stored.shared).toBe(true);
      const parts = [copy, copy.list, copy.list[0], copy.point, copy.none];
      expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
      expect([value, value.list, value.list[0], value.point].some((part) => Object.isFrozen(part))).toBe(false);
      expect(() => (copy.list[0]!.a = 2)).toThrow(TypeError);
    });

    it.each<[string, unknown]>([
      ['a Date', new Date()],
      ['a Map', new Map()],
      ['a Set', new Set()],
      ['a Buffer', Buffer.from('a')],
      ['a RegExp', /a/g],
      ['an Error', new Error('no')],
      ['a URL', new URL('https://example.org')],
    ])('does not share %s, however deep', (_, part) => {
      const value = { list: [{ part }] };
      const stored = snapshot(value, 'freeze');
      expect(stored.shared).toBe(false);
      const [first, second] = [cloneForCaller(stored.value), cloneForCaller(stored.value)] as [
        typeof value,
        typeof value,
      ];
      expect(first).toStrictEqual(value);
      expect(first.list[0]!.part).not.toBe(second.list[0]!.part);
      expect(Object.isFrozen(first.list)).toBe(false);
    });

    it.each([1, 'a', null, undefined, 10n, true])('shares the primitive %p', (value) => {
      expect(snapshot(value, 'freeze')).toMatchObject({ value, shared: true });
      expect(snapshot(value, 'clone')).toMatchObject({ value, shared: true });
    });
  });

  it('gives every caller its own copy with isolation clone', () => {
    const stored = snapshot({ list: [1] }, 'clone');
    expect(stored.shared).toBe(false);
    const copies = [1, 2].map(() => cloneForCaller(stored.value) as { list: number[] });
    copies[0]!.list.push(2);
    expect(copies[1]).toEqual({ list: [1] });
    expect(stored.value).toEqual({ list: [1] });
  });

  it('stores the very object with isolation share, whatever it is, and sizes it without running its code', () => {
    const value = {
      stream: Readable.from(['a']),
      call: () => 1,
      get boom(): never {
        throw new Error('an accessor ran');
      },
    };
    const stored = snapshot(value, 'share');
    expect(stored.value).toBe(value);
    expect(stored.shared).toBe(true);
    expect(stored.bytes).toBeGreaterThan(100);
  });

  describe('refuses', () => {
    class Secret {
      #pin = 1;
      get pin(): number {
        return this.#pin;
      }
    }
    class Derived extends Secret {
      open = 1;
    }
    class Compiled {
      // What a compiler makes of `this.#pin` for older targets.
      read(): unknown {
        return __classPrivateFieldGet(this, new WeakMap<object, number>());
      }
    }
    function __classPrivateFieldGet(owner: object, members: WeakMap<object, number>): unknown {
      return members.get(owner);
    }
    class PrivateList extends Array<number> {
      #sum = 0;
      get sum(): number {
        return this.#sum;
      }
    }

    it.each<[string, unknown, RegExp]>([
      ['a function', () => 1, /a function/],
      ['a class', Point, /a function \(Point\)/],
      ['a promise', Promise.resolve(1), /still going on \(Promise\)/],
      ['a query that is a promise', new (class Query extends Promise<number> {})(() => {}), /still going on \(Query\)/],
      ['a stream', Readable.from(['a']), /still going on \(Readable\)/],
      ['a web stream', new ReadableStream(), /still going on \(ReadableStream\)/],
      ['an emitter', new EventEmitter(), /still going on \(EventEmitter\)/],
      [
        'a generator',
        (function* () {
          yield 1;
        })(),
        /still going on/,
      ],
      ['an iterator', [1][Symbol.iterator](), /still going on/],
      [
        'an async generator',
        (async function* () {
          yield 1;
        })(),
        /still going on/,
      ],
      ['a WeakMap', new WeakMap(), /internal state \(WeakMap\)/],
      ['a WeakSet', new WeakSet(), /internal state \(WeakSet\)/],
      ['a WeakRef', new WeakRef({}), /internal state \(WeakRef\)/],
      ['a number format', new Intl.NumberFormat(), /internal state \(NumberFormat\)/],
      ['shared memory', new Uint8Array(new SharedArrayBuffer(8)), /internal state \(Uint8Array\)/],
      ['private members', new Secret(), /private members \(Secret\)/],
      ['inherited private members', new Derived(), /private members \(Derived\)/],
      ['compiled private members', new Compiled(), /private members \(Compiled\)/],
      ['an array with private members', PrivateList.of(1), /private members \(PrivateList\)/],
      ['an endless array', Object.assign([], { length: 2 ** 32 - 1 }), /an array of 4294967295 elements/],
    ])('%s', (_, value, message) => {
      for (const mode of ['freeze', 'clone'] as const) {
        expect(refusal(value, mode)).toMatch(message);
        expect(refusal({ rows: [{ 'odd key': value }] }, mode)).toContain(
          'at value.rows[0]["odd key"]. Return plain data, or set',
        );
      }
    });

    it('what throws when it is read, with the cause', () => {
      const trap = {
        get a(): never {
          throw new Error('no');
        },
      };
      expect(refusal({ trap })).toMatch(/throws when it is read at value\.trap/);
      const proxied = new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no');
          },
        },
      );
      expect(refusal(proxied)).toMatch(/throws when it is read/);
    });

    it('what is nested too deep, without running out of stack', () => {
      const nested = (levels: number): object => {
        let value: object = {};
        for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { value };
        return value;
      };
      expect(cloneForCaller(snapshot(nested(500), 'freeze').value)).toEqual(nested(500));
      expect(refusal(nested(501))).toMatch(/deeper than 500 levels at value\[0\]\.value.* … .*/);
      expect(refusal(nested(10_000))).toMatch(/deeper than 500 levels/);
    });
  });

  it('keeps an invalid date invalid', () => {
    expect(handedOut(new Date(NaN)).getTime()).toBeNaN();
  });

  it('takes a class for private only if its text both declares and uses a #name', () => {
    class Selector {
      query = 'ul.#first';
    }
    class Comment {
      /** Replaces #old. */
      text = '#1';
    }
    class Both {
      /** The item #first. */
      query = 'ul.#first';
    }
    expect(handedOut([new Selector(), new Comment()])).toStrictEqual([new Selector(), new Comment()]);
    expect(refusal(new Both())).toMatch(/private members \(Both\)/); // undecidable by text: the safe side
  });
});
