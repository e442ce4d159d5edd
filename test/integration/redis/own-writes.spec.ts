import { Test } from '@nestjs/testing';
import { CacheHealth, CacheModule, CacheService, InvalidationIntent } from 'nestjs-larder';
import { redis } from 'nestjs-larder/redis';
import { startRedis } from '../../../launcher/services.mjs';
import { Wire } from './wire.js';

// A reader that is handed the position of an invalidation sees it on any instance, not only within L (G5).
describe('own writes on another instance', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let wire: Wire;
  let here: CacheService;
  let there: CacheService;
  const closing: (() => Promise<void>)[] = [];
  let source = 0;
  let loads = 0;

  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
    wire = await Wire.to(server);
    here = await open(server.url);
    there = await open(wire.url);
  }, 60_000);
  afterAll(async () => {
    for (const close of closing) await close();
    await wire.close();
    await server.stop();
  });

  async function open(url: string): Promise<CacheService> {
    const module = await Test.createTestingModule({
      imports: [CacheModule.forRoot({ namespace: 'shop', backend: redis({ url, lease: '10s' }) })],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    closing.push(() => app.close());
    await app.init();
    while (app.get(CacheHealth).report().status !== 'up') await new Promise((resolve) => setTimeout(resolve, 10));
    return app.get(CacheService);
  }

  const read = (cache: CacheService, after?: string): Promise<number> => {
    const load = (): number => {
      loads += 1;
      return source;
    };
    return cache.getOrSet('stock', load, { ttl: '1h', tags: ['stock'], ...(after === undefined ? {} : { after }) });
  };
  const write = async (): Promise<string> => {
    source += 1;
    return (await here.invalidate([InvalidationIntent.tag('stock')])).position;
  };

  it('are seen by whoever is handed their position, every time', async () => {
    for (let round = 0; round < 300; round += 1) {
      await read(there);
      const position = await write();
      expect(await read(there, position)).toBe(source);
    }
  }, 60_000);

  it('are seen past the cache by an instance that has not heard of them yet', async () => {
    await read(there);
    wire.die(); // its lease goes on for seconds
    const position = await write();
    expect(await read(there)).toBe(source - 1);
    expect(await read(there, position)).toBe(source);
    wire.heal();
  }, 60_000);

  it('cost nothing where the position was reached long ago, and what is no position reads past the cache', async () => {
    const position = await write();
    await read(here, position);
    const before = loads;
    await read(here, position);
    expect(loads).toBe(before);
    expect(await read(here, 'zzz')).toBe(source);
    expect(loads).toBe(before + 1);
  });
});
