import { Controller, Get, Inject, Injectable, Param, Post } from '@nestjs/common';
import { Cached, CacheHealth, CacheModule, CacheScope, CacheService, Invalidates } from 'nestjs-larder';
import { redis } from 'nestjs-larder/redis';
import { startRedis } from '../../../launcher/services.mjs';
import { PLATFORMS } from '../../e2e/http-app.js';
import { Wire } from '../redis/wire.js';
import { eventually, Instance } from './instance.js';

/** The source of truth of both instances. */
let stock = 0;

@CacheScope('stock')
@Injectable()
class Stock {
  @Cached('1h')
  async count(): Promise<number> {
    return stock;
  }

  @Invalidates({ clear: true })
  async add(): Promise<void> {
    stock += 1;
  }
}

@Controller('stock')
class StockController {
  constructor(
    @Inject(Stock) private readonly stock: Stock,
    @Inject(CacheService) private readonly cache: CacheService,
  ) {}

  @Get('by/:way')
  async count(@Param('way') way: string): Promise<{ count: number }> {
    if (way === 'decorator') return { count: await this.stock.count() };
    return { count: await this.cache.getOrSet('count', () => stock, { scope: 'stock', ttl: '1h' }) };
  }

  @Post()
  async add(): Promise<string> {
    await this.stock.add();
    return 'added';
  }

  @Get('nothing')
  nothing(): string {
    return 'nothing';
  }
}

// What a client has written through one instance it reads on any other, without knowing positions in code (G5).
describe.each(PLATFORMS)('the header x-cache-pos on %s', (platform) => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let wire: Wire;
  let here: Instance;
  let there: Instance;

  async function open(url: string, cachePosition = true): Promise<Instance> {
    const instance = await Instance.open(platform, {
      imports: [CacheModule.forRoot({ namespace: 'store', cachePosition, backend: redis({ url, lease: '10s' }) })],
      controllers: [StockController],
      providers: [Stock],
    });
    await eventually('the instance to be up', () => instance.app.get(CacheHealth).report().status === 'up');
    return instance;
  }

  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
    wire = await Wire.to(server);
    here = await open(server.url);
    there = await open(wire.url);
  }, 60_000);
  afterAll(async () => {
    await here.app.close();
    await there.app.close();
    await wire.close();
    await server.stop();
  });

  const write = async (): Promise<string> => {
    const { headers } = await here.post('/stock', {}).expect(201);
    return headers['x-cache-pos'];
  };
  const read = async (way: string, position?: string): Promise<number> => {
    const asked = there.get(`/stock/by/${way}`);
    const { body } = await (position === undefined ? asked : asked.set('x-cache-pos', position)).expect(200);
    return body.count;
  };

  it('comes with answers to requests that invalidated, and with no others', async () => {
    expect(await write()).toMatch(/^[0-9a-f]{44}$/);
    const { headers } = await here.get('/stock/nothing').expect(200);
    expect(headers).not.toHaveProperty('x-cache-pos');
  });

  it.each(['decorator', 'hand'])('lets a client see what it has written, every time; read by %s', async (way) => {
    for (let round = 0; round < 50; round += 1) {
      await read(way);
      expect(await read(way, await write())).toBe(stock);
    }
  });

  it.each(['decorator', 'hand'])(
    'goes past the cache of an instance that has not heard of it; read by %s',
    async (way) => {
      await read(way);
      wire.die(); // its lease goes on for seconds
      const position = await write();
      expect(await read(way)).toBe(stock - 1);
      expect(await read(way, position)).toBe(stock);
      expect(await read(way)).toBe(stock - 1); // what others read is the cache's affair, as before
      wire.heal();
      await eventually('the instance to have heard of it', async () => (await read(way)) === stock);
    },
  );

  it.each(['', '  ', 'two words', 'x'.repeat(129), 'a,b'])('refuses what is no position: %j', async (text) => {
    const answer = await there.get('/stock/by/decorator').set('x-cache-pos', text);
    if (text.trim() === '')
      expect(answer.status).toBe(200); // HTTP knows no blank header: it was not sent
    else {
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({
        code: 'LARDER_REQUEST_INVALID',
        message: expect.stringMatching(/^Expected .*, got .*\. Send /),
      });
    }
  });

  it('is neither read nor sent where the option is off', async () => {
    const off = await open(server.url, false);
    const { headers } = await off.post('/stock', {}).expect(201);
    expect(headers).not.toHaveProperty('x-cache-pos');
    await off.get('/stock/by/decorator').set('x-cache-pos', 'two words').expect(200);
    await off.app.close();
  });
});
