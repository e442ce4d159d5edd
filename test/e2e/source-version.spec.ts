import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cached, CachedMany, CacheModule, CacheScope, CacheService, MemoryHub, type SharedTier } from 'nestjs-larder';
import { ManualClock } from 'nestjs-larder/testing';

interface Row {
  readonly id: number;
  readonly version: number;
}

/** Reads from a source that may lag: what it answers is set by the test. */
@CacheScope('row')
@Injectable()
class Rows {
  version = 1;
  loads = 0;

  @Cached<Rows['one']>({ ttl: '1m', grace: '1h', sourceVersion: (row) => row.version })
  async one(id: number): Promise<Row> {
    this.loads += 1;
    return { id, version: this.version };
  }

  @CachedMany<Rows['many']>({ ttl: '1m', grace: '1h', id: (row) => row.id, sourceVersion: (row) => row?.version })
  async many(ids: number[]): Promise<Row[]> {
    this.loads += 1;
    return ids.filter((id) => id > 0).map((id) => ({ id, version: this.version }));
  }
}

describe.each<[string, (clock: ManualClock) => SharedTier | undefined]>([
  ['memory alone', () => undefined],
  ['a shared tier', (clock) => new MemoryHub({ clock })],
])('a source version over %s', (_, tierOf) => {
  let clock: ManualClock;
  let rows: Rows;
  let cache: CacheService;
  let close: () => Promise<void>;

  beforeEach(async () => {
    clock = new ManualClock();
    const backend = tierOf(clock);
    const module = await Test.createTestingModule({
      imports: [CacheModule.forRoot({ clock, ...(backend === undefined ? {} : { backend }) })],
      providers: [Rows],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    rows = app.get(Rows);
    cache = app.get(CacheService);
    close = () => app.close();
  });
  afterEach(() => close());

  it.each(['one', 'many'] as const)(
    'keeps what a lagging source answers from replacing what is newer: %s',
    async (method) => {
      const read = async (): Promise<number> =>
        method === 'one' ? (await rows.one(1)).version : (await rows.many([1]))[0]!.version;
      rows.version = 7;
      expect(await read()).toBe(7);
      await clock.advanceAsync(61_000);
      rows.version = 6;
      expect(await read()).toBe(6); // the caller gets what the method says
      expect(await read()).toBe(6);
      expect(rows.loads).toBe(3); // and it was not kept
      rows.version = 8;
      expect(await read()).toBe(8);
      rows.version = 9;
      expect(await read()).toBe(8);
      expect(rows.loads).toBe(4);
    },
  );

  it('is no matter for an item that is not there', async () => {
    expect(await rows.many([-1])).toEqual([]);
    expect(await rows.many([-1])).toEqual([]);
    expect(rows.loads).toBe(1);
  });

  it('decides between setters', async () => {
    expect(await cache.set('rate', 'two', { sourceVersion: 2 })).toBe(true);
    expect(await cache.set('rate', 'one', { sourceVersion: 1 })).toBe(false);
    expect(await cache.getOrSet('rate', () => 'loaded')).toBe('two');
    expect(await cache.set('rate', { v: 3n }, { sourceVersion: (value) => value.v })).toBe(true);
    expect(await cache.getOrSet('rate', () => 'loaded')).toEqual({ v: 3n });
    expect(await cache.set('rate', 'off', { enabled: false })).toBe(false);
    await cache.delete('rate');
    expect(await cache.getOrSet('rate', () => 'one', { sourceVersion: 1 })).toBe('one');
    await expect(cache.set('rate', 'x', { sourceVersion: -1 })).rejects.toMatchObject({
      code: 'LARDER_OPTION_INVALID',
    });
  });
});
