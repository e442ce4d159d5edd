import { Injectable, type INestApplication } from '@nestjs/common';
import { Readable } from 'node:stream';
import { Cached, CachedMany, CacheService } from 'nestjs-larder';
import { start, type LogLines } from './mechanics-app.js';

class Money {
  constructor(
    readonly amount: number,
    readonly currency: string,
  ) {}
  text(): string {
    return `${this.amount} ${this.currency}`;
  }
}

@Injectable()
class ValueService {
  calls = 0;
  make: (...args: unknown[]) => unknown = () => undefined;

  @Cached(60)
  async one(..._args: unknown[]): Promise<unknown> {
    this.calls += 1;
    return this.make(..._args);
  }

  @Cached({ isolation: 'clone' })
  async cloned(): Promise<unknown> {
    this.calls += 1;
    return this.make();
  }

  @Cached({ isolation: 'share' })
  async shared(): Promise<unknown> {
    this.calls += 1;
    return this.make();
  }

  @Cached(60)
  throwing(): Promise<unknown> {
    this.calls += 1;
    return this.make() as Promise<unknown>;
  }

  @Cached<ValueService['tagged']>({
    tags: () => {
      throw new Error('tags failed');
    },
  })
  async tagged(): Promise<number> {
    return (this.calls += 1);
  }

  @Cached<ValueService['unlessFails']>({
    unless: () => {
      throw new Error('unless failed');
    },
  })
  async unlessFails(): Promise<number> {
    return (this.calls += 1);
  }

  @Cached<ValueService['whenFails']>({
    when: () => {
      throw new Error('when failed');
    },
  })
  async whenFails(): Promise<number> {
    return (this.calls += 1);
  }

  @Cached<ValueService['keyFails']>({
    key: () => {
      throw new Error('key failed');
    },
  })
  async keyFails(): Promise<number> {
    return (this.calls += 1);
  }

  @Cached<ValueService['odd']>({ when: (n) => n % 2 === 1, unless: (result) => result > 100 })
  async odd(n: number): Promise<number> {
    this.calls += 1;
    return n;
  }

  @CachedMany<ValueService['many']>({ id: (row) => row.id as number })
  async many(ids: number[]): Promise<{ id: number | string; v?: number }[]> {
    this.calls += 1;
    return this.make(ids) as { id: number | string }[];
  }

  @CachedMany<ValueService['manyFails']>({
    id: () => {
      throw new Error('id failed');
    },
  })
  async manyFails(ids: number[]): Promise<{ id: number }[]> {
    this.calls += 1;
    return ids.map((id) => ({ id }));
  }
}

let app: INestApplication;
let logs: LogLines;
let values: ValueService;

beforeEach(async () => {
  ({ app, logs } = await start({ providers: [ValueService] }));
  values = app.get(ValueService);
});
afterEach(() => app.close());

describe('a result', () => {
  it.each([null, undefined, 0, -0, Number.NaN, '', false, 0n])('%p is a hit', async (value) => {
    values.make = () => value;
    expect([await values.one(1), await values.one(1)]).toEqual([value, value]);
    expect(values.calls).toBe(1);
  });

  it.each<[string, () => unknown]>([
    ['an empty list', () => []],
    ['a Date', () => new Date(5)],
    ['a Map', () => new Map([[{ k: 1 }, new Set([1, 'a'])]])],
    ['a Set', () => new Set([new Date(1)])],
    ['a bigint in an object', () => ({ big: 12n ** 30n })],
    ['a typed array', () => new Uint8Array([1, 2, 255])],
    ['a Buffer', () => Buffer.from('bytes')],
    ['nested undefined', () => ({ a: undefined, list: [undefined, null] })],
    ['a class instance', () => new Money(5, 'EUR')],
    ['a cycle', () => Object.assign({ name: 'x' } as Record<string, unknown>, { list: [1, 2] })],
  ])('%s keeps its type and content', async (_, make) => {
    values.make = make;
    const first = await values.one(1);
    const second = await values.one(1);
    expect(second).toEqual(first);
    expect(Object.getPrototypeOf(second)).toBe(Object.getPrototypeOf(first));
    expect(values.calls).toBe(1);
  });

  it('of a class keeps its methods', async () => {
    values.make = () => ({ price: new Money(5, 'EUR') });
    await values.one(1);
    expect(((await values.one(1)) as { price: Money }).price.text()).toBe('5 EUR');
  });

  it('is not changed in the cache by who changes what a miss returned, nor is the loaded object frozen', async () => {
    const loaded = { list: [1], nested: { a: 1 }, at: new Date(5) };
    values.make = () => loaded;
    const missed = (await values.one(1)) as typeof loaded;
    expect(missed).toBe(loaded);
    expect(Object.isFrozen(loaded) || Object.isFrozen(loaded.list) || Object.isFrozen(loaded.nested)).toBe(false);
    missed.list.push(2);
    missed.nested.a = 2;
    missed.at.setTime(0);
    expect(await values.one(1)).toEqual({ list: [1], nested: { a: 1 }, at: new Date(5) });
  });

  it('is not changed in the cache by who changes what a hit returned', async () => {
    values.make = () => ({ list: [1], nested: { a: 1 } });
    await values.one(1);
    const hit = (await values.one(1)) as { list: number[]; nested: { a: number } };
    expect(() => hit.list.push(2)).toThrow(TypeError);
    expect(() => {
      hit.nested.a = 2;
    }).toThrow(TypeError);
    expect(await values.one(1)).toEqual({ list: [1], nested: { a: 1 } });
  });

  it('with parts that cannot be frozen is copied for each caller', async () => {
    values.make = () => ({ map: new Map([['a', 1]]), at: new Date(5), bytes: new Uint8Array([1]) });
    await values.one(1);
    const hit = (await values.one(1)) as { map: Map<string, number>; at: Date; bytes: Uint8Array };
    hit.map.set('b', 2);
    hit.at.setTime(0);
    hit.bytes[0] = 9;
    expect(await values.one(1)).toEqual({ map: new Map([['a', 1]]), at: new Date(5), bytes: new Uint8Array([1]) });
  });

  it('is a copy of one’s own with isolation `clone`, the very object with `share`', async () => {
    values.make = () => ({ list: [1] });
    await values.cloned();
    const clone = (await values.cloned()) as { list: number[] };
    clone.list.push(2);
    expect(await values.cloned()).toEqual({ list: [1] });
    const object = await values.shared();
    expect(await values.shared()).toBe(object);
  });

  it('is given to those who waited for it as safely as to those who came later', async () => {
    values.make = () => ({ list: [1] });
    const [first, second, third] = (await Promise.all([values.one(1), values.one(1), values.one(1)])) as {
      list: number[];
    }[];
    first!.list.push(2);
    expect([second, third]).toEqual([{ list: [1] }, { list: [1] }]);
    expect(values.calls).toBe(1);
  });

  it.each<[string, () => unknown]>([
    ['a stream', () => Readable.from(['chunk'])],
    ['a function', () => () => 'x'],
    ['an object that holds a function', () => ({ run: () => 'x' })],
    ['an iterator', () => [1][Symbol.iterator]()],
  ])('%s is never shared, and its author is told once', async (_, make) => {
    values.make = make;
    const results = await Promise.all([values.one(1), values.one(1), values.one(1)]);
    expect(new Set([...results, await values.one(1)]).size).toBe(4);
    expect(logs.containing('warn')).toHaveLength(1);
    expect(logs.containing('ValueService')[0] ?? logs.containing('value.one')[0]).toBeDefined();
  });
});

describe('an error of the method', () => {
  it('passes unchanged and is not stored, thrown or rejected, of any type', async () => {
    for (const error of [new Error('x'), 'text', null, undefined, { code: 1 }]) {
      values.make = () => {
        throw error;
      };
      for (const call of [() => values.one(1), () => values.throwing()]) {
        const caught = await call().then(
          () => 'no error',
          (reason: unknown) => [reason],
        );
        expect((caught as unknown[])[0]).toBe(error);
      }
    }
    values.make = () => 'fine';
    expect(await values.one(1)).toBe('fine');
  });
});

describe('a callback that fails', () => {
  it.each(['tagged', 'unlessFails', 'whenFails', 'keyFails'] as const)(
    'does not fail the call: %s runs, keeps nothing and warns once',
    async (method) => {
      expect([await values[method](), await values[method]()]).toEqual([1, 2]);
      expect(logs.containing('warn')).toHaveLength(1);
      expect(logs.containing('failed')).toHaveLength(1);
    },
  );

  it('does not fail a bulk call either: it runs uncached', async () => {
    expect(await values.manyFails([1, 2])).toEqual([{ id: 1 }, { id: 2 }]);
    expect(await values.manyFails([1, 2])).toEqual([{ id: 1 }, { id: 2 }]);
    expect(logs.containing('id failed')).toHaveLength(1);
  });

  it('when() and unless() decide per call and per result', async () => {
    for (const n of [1, 2, 101]) for (let i = 0; i < 2; i += 1) await values.odd(n);
    expect(values.calls).toBe(1 + 2 + 2);
  });
});

describe('arguments', () => {
  beforeEach(() => {
    values.make = (...args: unknown[]) => args.length;
  });

  it('that no key can be made of run the method uncached, with one warning', async () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    for (const argument of [() => 'x', circular, Promise.resolve(), new WeakMap(), Symbol('s')]) {
      await values.one(argument);
      await values.one(argument);
    }
    expect(values.calls).toBe(10);
    expect(logs.containing('warn')).toHaveLength(1);
  });

  it('that differ never share an entry', async () => {
    const lists: unknown[][] = [
      [],
      [''],
      [undefined],
      [null],
      ['null'],
      [0],
      [-0],
      ['0'],
      [0n],
      [1],
      ['1'],
      [1n],
      [true],
      ['true'],
      [Number.NaN],
      ['NaN'],
      ['a:b'],
      ['a', 'b'],
      ['a%3Ab'],
      ['a\nb'],
      ['\ud800'],
      ['\ud801'],
      ['__proto__'],
      ['constructor'],
      [{}],
      [[]],
      ['{}'],
      ['[]'],
      [{ __proto__: null }, 1],
      [JSON.parse('{"__proto__":1}')],
      [{ a: undefined }],
      [new Date(0)],
      [new Map()],
      [new Set()],
      ['x'.repeat(600)],
      ['x'.repeat(601)],
      [1, 2],
      ['1:2'],
      [[1, 2]],
    ];
    values.make = (...args: unknown[]) => args.length;
    const keys = new Set<number>();
    for (const list of lists) {
      const before = values.calls;
      await values.one(...list);
      expect(values.calls).toBe(before + 1);
      keys.add(values.calls);
    }
    expect(keys.size).toBe(lists.length);
    for (const list of lists) await values.one(...list);
    expect(values.calls).toBe(lists.length);
  });

  it('that are equal share one, whatever the order of their fields', async () => {
    await values.one({ a: 1, b: [{ c: 2, d: 3 }] });
    await values.one({ b: [{ d: 3, c: 2 }], a: 1 });
    await values.one(Number.NaN);
    await values.one(Number.NaN);
    expect(values.calls).toBe(2);
  });

  it('of 10 MB make a short key', async () => {
    const huge = { text: 'x'.repeat(10_000_000) };
    await values.one(huge);
    await values.one({ text: 'x'.repeat(10_000_000) });
    await values.one({ text: `${'x'.repeat(9_999_999)}y` });
    expect(values.calls).toBe(2);
  });
});

describe('a bulk method', () => {
  it('finds its items also where the source gives their ids as text', async () => {
    values.make = (ids) => (ids as number[]).map((id) => ({ id: String(id) }));
    expect(await values.many([1, 2])).toEqual([{ id: '1' }, { id: '2' }]);
    expect(await values.many([2, 1])).toEqual([{ id: '2' }, { id: '1' }]);
    expect(values.calls).toBe(1);
  });

  it('keeps the order of the ids, leaves out what is not there, and remembers that', async () => {
    values.make = (ids) =>
      (ids as number[])
        .filter((id) => id !== 2)
        .map((id) => ({ id }))
        .reverse();
    expect(await values.many([3, 2, 1, 3])).toEqual([{ id: 3 }, { id: 1 }]);
    expect(await values.many([2])).toEqual([]);
    expect(values.calls).toBe(1);
    expect(await values.many([])).toEqual([]);
    expect(values.calls).toBe(1);
  });

  it('passes its error to everybody who waited and keeps nothing', async () => {
    const error = new Error('database down');
    values.make = () => {
      throw error;
    };
    const results = await Promise.allSettled([values.many([1, 2]), values.many([2, 3])]);
    for (const result of results) expect(result).toMatchObject({ reason: error });
    values.make = (ids) => (ids as number[]).map((id) => ({ id }));
    expect(await values.many([1, 2, 3])).toHaveLength(3);
  });
});

describe('CacheService', () => {
  it('keeps any key apart from any other', async () => {
    const cache = app.get(CacheService);
    const keys = ['a:b', 'a%3Ab', '__proto__', 'constructor', 'a\nb', '🧊', 'x'.repeat(5000)];
    for (const key of keys) await cache.set(key, key);
    for (const key of keys) expect(cache.get(key)).toBe(key);
    expect(await cache.delete('__proto__')).toBe(true);
    expect(cache.get('__proto__')).toBeUndefined();
    expect(cache.get('constructor')).toBe('constructor');
    expect(({} as Record<string, unknown>)['a:b']).toBeUndefined();
  });

  it('remembers null and undefined', async () => {
    const cache = app.get(CacheService);
    let loads = 0;
    const load = () => {
      loads += 1;
      return null;
    };
    expect([await cache.getOrSet('k', load), await cache.getOrSet('k', load)]).toEqual([null, null]);
    expect(loads).toBe(1);
  });
});
