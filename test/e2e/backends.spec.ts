import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Injectable, Logger, type INestApplicationContext, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cached,
  CachedMany,
  CacheConfigReload,
  CacheHealth,
  CacheMetrics,
  CacheModule,
  CacheScope,
  CacheService,
  custom,
  InvalidationIntent,
  memory,
  MemoryHub,
  type CacheModuleOptions,
  type SharedTierContext,
} from 'nestjs-larder';
import { loadCacheConfig } from 'nestjs-larder/config';

/** A hub that tells which namespaces were made on it. */
class WatchedHub extends MemoryHub {
  readonly made: string[] = [];
  override create(context: SharedTierContext) {
    this.made.push(context.namespace);
    return super.create(context);
  }
}

/** A hub whose entries belong to parts of the application that know nothing of each other. */
class ApartHub extends MemoryHub {
  override create(context: SharedTierContext) {
    const parts = super.create(context);
    Object.assign(parts.backend!, { compartment: () => 'part|' });
    return parts;
  }
}

/** The same source for all instances: what it holds, and how often each of them has asked. */
let stock: number;
beforeEach(() => (stock = 1));

@CacheScope('shop')
@Injectable()
class Shop {
  readonly loads: string[] = [];

  @Cached('1h')
  async price(id: number): Promise<string> {
    return this.load(`price ${id}`);
  }

  @Cached({ ttl: '1h', backend: 'side', tags: ['stock'] })
  async stock(id: number): Promise<string> {
    return this.load(`stock ${id}`);
  }

  @CachedMany<Shop['many']>({ ttl: '1h', backend: 'side', id: ({ id }) => id })
  async many(ids: readonly number[]): Promise<{ id: number; what: string }[]> {
    return ids.map((id) => ({ id, what: this.load(`many ${id}`) }));
  }

  @Cached({ ttl: '1h', backend: 'memory', tags: ['stock'] })
  async here(id: number): Promise<string> {
    return this.load(`here ${id}`);
  }

  private load(what: string): string {
    this.loads.push(what);
    return `${what}: ${stock}`;
  }
}

const apps: INestApplicationContext[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function boot(options: CacheModuleOptions, service: Type = Shop) {
  const module = await Test.createTestingModule({
    imports: [CacheModule.forRoot({ namespace: 'shop', ...options })],
    providers: [service],
  }).compile();
  module.useLogger(false);
  await module.init();
  apps.push(module); // Nest 11 does not close what failed to start
  const cache = module.get(CacheService);
  return { module, cache, shop: module.get(service) as Shop };
}

/** Two instances over the same hubs. */
async function two() {
  const [main, side] = [new WatchedHub(), new WatchedHub()];
  const options = { backend: main, backends: { side } };
  return { main, side, a: await boot(options), b: await boot(options) };
}

describe('a backend per method', () => {
  it('shares values where the method says, and asks no other', async () => {
    const { a, b, main, side } = await two();
    for (const id of [1, 2]) {
      await a.shop.price(id);
      await a.shop.stock(id);
    }
    await a.shop.many([1, 2]);
    for (const id of [1, 2]) {
      await b.shop.price(id);
      await b.shop.stock(id);
    }
    await b.shop.many([1, 2]);
    expect(b.shop.loads).toEqual([]);
    expect(main.made).toEqual(['shop', 'shop']);
    expect(side.made).toEqual(['shop~side', 'shop~side']);
  });

  it('keeps to the memory of the process where it says `memory`, and is reached by what other instances invalidate', async () => {
    const { a, b } = await two();
    await a.shop.here(1);
    expect(await b.shop.here(1)).toBe('here 1: 1');
    expect([a, b].map(({ shop }) => shop.loads)).toEqual([['here 1'], ['here 1']]);
    for (const { shop } of [a, b]) expect(await shop.here(1)).toBe('here 1: 1');
    stock = 2;
    await b.cache.invalidate([InvalidationIntent.tag('stock')]);
    for (const { shop } of [a, b]) expect(await shop.here(1)).toBe('here 1: 2');
    expect(a.shop.loads).toHaveLength(2);
  });

  it.each([
    ['a tag', () => InvalidationIntent.tag('stock'), ['stock', 'here']],
    ['a key', () => InvalidationIntent.key('shop:stock:1'), ['stock']],
    ['a pattern', () => InvalidationIntent.pattern('*:1', 'shop'), ['price', 'stock', 'here']],
    ['the scope', () => InvalidationIntent.scope('shop'), ['price', 'stock', 'here']],
    ['everything', () => InvalidationIntent.flush(), ['price', 'stock', 'here']],
  ] as const)('is reached through either instance: %s', async (_, intent, hit) => {
    const { a, b } = await two();
    for (const { shop } of [a, b]) for (const method of ['price', 'stock', 'here'] as const) await shop[method](1);
    stock = 2;
    await b.cache.invalidate([intent()]);
    for (const { shop } of [a, b]) {
      for (const method of ['price', 'stock', 'here'] as const) {
        const expected = (hit as readonly string[]).includes(method) ? 2 : 1;
        expect(await shop[method](1)).toBe(`${method} 1: ${expected}`);
      }
    }
  });

  it('connects to none that nobody names', async () => {
    @CacheScope('shop')
    @Injectable()
    class Plain {
      @Cached('1h')
      async price(): Promise<number> {
        return 1;
      }
      @Cached({ backend: 'off', enabled: false })
      async off(): Promise<number> {
        return 1;
      }
    }
    const [side, off] = [new WatchedHub(), new WatchedHub()];
    await boot({ backends: { side, off } }, Plain);
    expect([side.made, off.made]).toEqual([[], []]);
  });

  describe('is chosen by the nearest level that says anything', () => {
    let folder: string;
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'larder-backends-'))));
    afterEach(() => rmSync(folder, { recursive: true }));
    const config = (text: string, env: NodeJS.ProcessEnv = {}) => {
      const path = join(folder, 'cache.yaml');
      writeFileSync(path, text);
      return loadCacheConfig(path, env);
    };

    it.each<[string, (path: typeof config) => CacheModuleOptions, string]>([
      ['the module for the service', () => ({ services: { shop: { backend: 'far' } } }), 'far'],
      [
        'the file for the service',
        () => ({ config: config('services: { shop: { cache: { backend: far } } }') }),
        'far',
      ],
      ['the environment for the service', () => ({ config: config('', { CACHE_SERVICE_SHOP_BACKEND: 'far' }) }), 'far'],
      [
        'the file for the action over the service',
        () => ({
          services: { shop: { backend: 'far' } },
          config: config('services: { shop: { actions: { price: { cache: { backend: side } } } } }'),
        }),
        'side',
      ],
      [
        'the environment for the action over the file',
        () => ({
          config: config('services: { shop: { actions: { price: { cache: { backend: side } } } } }', {
            CACHE_SERVICE_SHOP_ACTION_PRICE_BACKEND: 'far',
          }),
        }),
        'far',
      ],
      ['the file for all', () => ({ config: config('cache: { backend: far }') }), 'far'],
    ])('%s', async (_, options, name) => {
      const hubs = { side: new WatchedHub(), far: new WatchedHub() };
      const { module, shop } = await boot({ backends: hubs, backend: new MemoryHub(), ...options(config) });
      await shop.price(1);
      const { backends } = module.get(CacheMetrics).snapshot();
      expect(backends.find(({ memory }) => memory.entries === 1)?.name).toBe(name);
      // The decorator is nearer than the service.
      await shop.stock(1);
      expect(hubs.side.made).toHaveLength(1);
    });
  });

  it('stays as it was at boot when the file is read again, which must not name one that there is not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'larder-backends-'));
    const path = join(folder, 'cache.yaml');
    const write = (backend: string) =>
      writeFileSync(path, `services: { shop: { actions: { price: { cache: { backend: ${backend} } } } } }`);
    write('side');
    const hubs = { side: new WatchedHub(), far: new WatchedHub() };
    const { module, shop } = await boot({ backends: hubs, config: loadCacheConfig(path, {}) });
    await shop.price(1);
    const reload = () => module.get(CacheConfigReload).reload();
    write('far');
    await reload();
    await shop.price(2);
    expect(hubs.far.made).toEqual([]);
    write('fra');
    await expect(reload()).rejects.toThrow(
      'Expected `backend` of Shop.price to be the name of a backend (memory, side, far)',
    );
    rmSync(folder, { recursive: true });
  });

  it('must be coherent too where the file asks for that', async () => {
    class Eventual extends MemoryHub {
      override create(context: SharedTierContext) {
        const parts = super.create(context);
        Object.assign(parts.log, { capabilities: { consistency: 'eventual', clusterWait: false, counts: false } });
        return parts;
      }
    }
    const folder = mkdtempSync(join(tmpdir(), 'larder-backends-'));
    const path = join(folder, 'cache.yaml');
    writeFileSync(path, 'cache: { consistency: { strategy: coherent } }');
    const config = loadCacheConfig(path, {});
    rmSync(folder, { recursive: true });
    await expect(boot({ config, backends: { side: new Eventual() } })).rejects.toThrow('which is eventual');
    await boot({ config, backends: { side: new MemoryHub() } });
  });

  describe('stops the boot', () => {
    const hub = () => new MemoryHub();
    it.each<[string, CacheModuleOptions, string]>([
      [
        'for a name that no backend has',
        { backend: hub(), backends: { other: hub() } },
        'Expected `backend` of Shop.stock to be the name of a backend (memory-hub, memory, other), got "side" (string). Correct the name, or add it',
      ],
      [
        'for such a name of a service',
        { backends: { side: hub() }, services: { elsewhere: { backend: 'sied' } } },
        'Expected `backend` of services.elsewhere to be the name of a backend (memory, side), got "sied"',
      ],
      [
        'for one of one process beside a shared one',
        { backend: hub(), backends: { side: custom({ store: new Map() as never }) } },
        "Expected the log of backend 'side' to be shared by all instances, as that of the main backend 'memory-hub' is",
      ],
      [
        'for memory with other bounds than the memory has',
        { backend: hub(), backends: { side: memory({ maxEntries: 7 }) } },
        "Expected memory() of `backends.side` to have the bounds of this process's memory",
      ],
      [
        'for a name that cannot stand in keys and labels',
        { backends: { side: hub(), 'à côté': hub() }, services: { app: { backend: 'à côté' } } },
        'Expected the name of a backend beside the main one to be 1 to 64 letters',
      ],
      [
        'for another tier under the name of memory',
        { backend: hub(), backends: { side: hub(), memory: hub() } },
        'and not that of memory itself, got "memory"',
      ],
      [
        'for one that keeps parts of the application apart, beside one that does not',
        { backend: hub(), backends: { side: new ApartHub() } },
        "Expected one backend where its network is taken from the context, got 'side' beside another",
      ],
      [
        'for one beside one that keeps parts of the application apart',
        { backend: new ApartHub(), backends: { side: hub() } },
        "got 'memory-hub' beside another",
      ],
      [
        'for one among the defaults',
        { backends: { side: hub() }, defaults: { backend: 'side' } as object },
        'Expected no `backend` in `defaults`, got "side"',
      ],
    ])('%s', async (_, options, message) => {
      await expect(boot({ ...options })).rejects.toMatchObject({
        code: 'LARDER_OPTION_INVALID',
        message: expect.stringContaining(message),
      });
    });
  });
});

describe('CacheService', () => {
  const hubs = () => ({ backend: new MemoryHub(), backends: { side: new MemoryHub() } });

  it('reads and stores where it is told, and from there alone', async () => {
    const options = hubs();
    const [a, b] = [await boot(options), await boot(options)];
    expect(await a.cache.getOrSet('k', () => 1, { backend: 'side' })).toBe(1);
    expect(await b.cache.getOrSet('k', () => 2, { backend: 'side' })).toBe(1);
    expect(b.cache.get('k')).toBeUndefined();
    expect(b.cache.get('k', { backend: 'side' })).toBe(1);
    expect(await b.cache.getOrSet('k', () => 2)).toBe(2);
    expect(await a.cache.delete('k')).toBe(true);
    expect(await b.cache.getOrSet('k', () => 3, { backend: 'side' })).toBe(3);
  });

  it('sets a value in the memory of a process, and leaves no older one in another', async () => {
    const options = hubs();
    const [a, b] = [await boot(options), await boot(options)];
    await b.cache.getOrSet('k', () => 'old', { backend: 'memory' });
    expect(await a.cache.set('k', 'new', { backend: 'memory' })).toBe(true);
    expect(a.cache.get('k', { backend: 'memory' })).toBe('new');
    expect(await b.cache.getOrSet('k', () => 'loaded', { backend: 'memory' })).toBe('loaded');
  });

  it('refuses a position in a backend whose log does not have it, and takes it in memory', async () => {
    const { cache } = await boot(hubs());
    const { position: after } = await cache.invalidate([InvalidationIntent.tag('x')]);
    await expect(cache.getOrSet('k', () => 1, { backend: 'side', after })).rejects.toMatchObject({
      code: 'LARDER_OPTION_INVALID',
      message: expect.stringContaining("a position stands in the log of 'memory-hub' alone"),
    });
    expect(await cache.getOrSet('k', () => 1, { backend: 'memory', after })).toBe(1);
    expect(await cache.getOrSet('k', () => 2, { after })).toBe(1);
  });

  it('takes no backend into use that other instances may not have, and says where to name it', async () => {
    const { cache, module } = await boot({ ...hubs(), backends: { side: new MemoryHub(), late: new MemoryHub() } });
    await expect(cache.getOrSet('k', () => 1, { backend: 'late' })).rejects.toMatchObject({
      code: 'LARDER_OPTION_INVALID',
      message: expect.stringContaining('in use since the start (memory-hub, side), got "late"'),
    });
    expect(module.get(CacheHealth).report().otherBackends).toHaveLength(1);
    const named = { side: new MemoryHub(), late: new MemoryHub() };
    const known = await boot({ ...hubs(), backends: named, services: { app: { backend: 'late' } } });
    expect(await known.cache.getOrSet('k', () => 1)).toBe(1);
    expect(known.cache.get('k', { backend: 'late' })).toBe(1);
  });
});

describe('what the application tells of its backends', () => {
  it('names each in health and metrics, and in the line at boot', async () => {
    const lines: string[] = [];
    const spy = jest
      .spyOn(Logger.prototype, 'log')
      .mockImplementation((line: unknown) => void lines.push(String(line)));
    const { module, shop } = await boot({ backend: new MemoryHub(), backends: { side: new MemoryHub() } });
    spy.mockRestore();
    expect(lines.find((line) => line.startsWith('Caching'))).toBe(
      "Caching namespace 'shop' in memory → memory-hub, memory → side: shop (price, stock in side, many in side, here in memory)",
    );
    await shop.price(1);
    await shop.stock(1);
    await shop.stock(2);
    await shop.here(1);
    expect(module.get(CacheHealth).report()).toMatchObject({
      status: 'up',
      tiers: ['memory', 'memory-hub'],
      memory: { entries: 4 },
      otherBackends: [
        { name: 'side', tiers: ['memory', 'side'], log: { state: 'live' }, backend: { available: true } },
      ],
    });
    expect(module.get(CacheMetrics).snapshot()).toMatchObject({
      sharedTier: 'memory-hub',
      memory: { entries: 4 },
      backends: [
        { name: 'memory-hub', memory: { entries: 2 }, log: { kind: 'memory-hub', state: 'live' } },
        { name: 'side', memory: { entries: 2 }, log: { kind: 'memory-hub', state: 'live' } },
      ],
    });
  });

  it('explains a key by the backend that has it', async () => {
    const { cache, shop } = await boot({ backend: new MemoryHub(), backends: { side: new MemoryHub() } });
    await shop.stock(1);
    expect(await cache.explain('stock:1', { scope: 'shop' })).toMatchObject({
      backend: 'side',
      memory: { servable: true },
    });
    expect(await cache.explain('stock:1', { scope: 'shop', backend: 'memory' })).toMatchObject({
      backend: 'memory-hub',
      memory: null,
    });
    await expect(cache.explain('stock:1', { backend: 'sied' })).rejects.toMatchObject({
      code: 'LARDER_OPTION_INVALID',
    });
  });
});
