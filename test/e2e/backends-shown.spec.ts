import { Controller, Get, Injectable, Param, type INestApplication } from '@nestjs/common';
import {
  Cached,
  CachedResponse,
  CacheModule,
  CacheScope,
  CacheService,
  InvalidationIntent,
  MemoryHub,
  type SharedTierContext,
} from 'nestjs-larder';
import { prometheus } from 'nestjs-larder/prometheus';
import { Registry } from 'prom-client';
import request from 'supertest';
import { PLATFORMS, startHttpApp } from './http-app.js';

/** A hub whose instance can be cut off from it. */
class CutHub extends MemoryHub {
  last!: ReturnType<MemoryHub['instance']>;
  override create(context: SharedTierContext) {
    return (this.last = this.instance(context));
  }
}

let prices = 1;

@CacheScope('shop')
@Injectable()
class Shop {
  @Cached<Shop['price']>({ ttl: '1h', tags: (_, id) => [`item:${id}`] })
  async price(id: string): Promise<string> {
    return id;
  }

  @Cached({ ttl: '1h', tags: ['prices'] })
  async inMain(): Promise<number> {
    return prices;
  }

  @Cached({ ttl: '1h', backend: 'side', tags: ['prices'] })
  async inSide(): Promise<number> {
    return prices;
  }

  @Cached({ ttl: '1h', backend: 'memory', tags: ['prices'] })
  async here(): Promise<number> {
    return prices;
  }

  @Cached<Shop['stock']>({ ttl: '1h', backend: 'side', tags: (_, id) => [`item:${id}`] })
  async stock(id: string): Promise<string> {
    return id;
  }
}

@Controller('shop')
class ShopController {
  constructor(
    private readonly shop: Shop,
    private readonly cache: CacheService,
  ) {}

  @Get('prices')
  prices(): Promise<number[]> {
    return Promise.all([this.shop.inMain(), this.shop.inSide(), this.shop.here()]);
  }

  @Get('raise')
  async raise(): Promise<string> {
    prices += 1;
    await this.cache.invalidate([InvalidationIntent.tag('prices')]);
    return 'raised';
  }

  @Get('both/:id')
  async both(@Param('id') id: string): Promise<string> {
    return (await this.shop.price(id)) + (await this.shop.stock(id));
  }

  @CachedResponse({ ttl: '1h', backend: 'side', public: true })
  @Get('page/:id')
  async page(@Param('id') id: string): Promise<{ id: string; at: number }> {
    return { id, at: performance.now() };
  }
}

describe.each(PLATFORMS)('what is shown of two backends on %s', (platform) => {
  const apps: INestApplication[] = [];
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });

  async function open(main = new CutHub(), side = new CutHub()) {
    const registry = new Registry();
    const app = await startHttpApp(platform, {
      imports: [
        CacheModule.forRoot({
          backend: main,
          backends: { side },
          cacheStatus: true,
          cachePosition: true,
          admin: { public: true },
          metrics: prometheus({ registry }),
        }),
      ],
      controllers: [ShopController],
      providers: [Shop],
    });
    apps.push(app);
    const server = app.getHttpServer();
    return {
      main,
      side,
      cache: app.get(CacheService),
      get: (path: string) => request(server).get(path),
      post: (path: string, body: object) => request(server).post(path).send(body),
      scrape: () => registry.metrics(),
    };
  }

  it('counts and lists what a pattern would remove in all of them, and removes it', async () => {
    const first = await open();
    for (const id of ['tea', 'mug']) await first.get(`/shop/both/${id}`).expect(200);
    const { get, post } = await open(first.main, first.side);
    await get('/shop/both/tea').expect(200);
    const order = { pattern: 'shop:*', triggered_by: 'alice', reason: 'wrong prices' };
    const { body } = await post('/invalidate/pattern', { ...order, dry_run: true }).expect(200);
    expect(body).toMatchObject({ count: 4, by_tier: { memory: 2, 'memory-hub': 2, side: 2 }, complete: true });
    expect(body.sample.sort()).toEqual(['shop:price:mug', 'shop:price:tea', 'shop:stock:mug', 'shop:stock:tea']);
    await post('/invalidate/pattern', order).expect(200);
    const again = await post('/invalidate/pattern', { ...order, dry_run: true }).expect(200);
    expect(again.body).toMatchObject({ count: 0, complete: true });
  });

  it('does not pass off as all what one of them cannot tell', async () => {
    const { get, post, side } = await open();
    await get('/shop/both/tea').expect(200);
    side.last.cutOff();
    const order = { pattern: 'shop:*', triggered_by: 'alice', reason: 'wrong prices', dry_run: true };
    const { body } = await post('/invalidate/pattern', order).expect(200);
    expect(body).toMatchObject({ count: 2, by_tier: { memory: 2, 'memory-hub': 1 }, complete: false });
  });

  it('explains a key by the backend that has it, or by the one that is asked for', async () => {
    const { get, cache } = await open();
    await get('/shop/both/tea').expect(200);
    const { body } = await get('/cache/explain?key=shop:stock:tea').expect(200);
    expect(body).toMatchObject({
      backend: 'side',
      memory: { servable: true },
      shared: { tier: 'side', state: 'held' },
    });
    const { requestId } = await cache.invalidate([InvalidationIntent.tag('item:tea')]);
    const after = await get('/cache/explain?key=shop:stock:tea&backend=side').expect(200);
    expect(after.body).toMatchObject({ backend: 'side', last_invalidation: { kind: 'tag', request_id: requestId } });
    const other = await get('/cache/explain?key=shop:stock:tea&backend=memory-hub').expect(200);
    expect(other.body).toMatchObject({ backend: 'memory-hub', memory: null, shared: { state: 'absent' } });
    const wrong = await get('/cache/explain?key=shop:stock:tea&backend=sied').expect(400);
    expect(wrong.body).toMatchObject({ code: 'LARDER_REQUEST_INVALID', field: 'backend' });
    expect(wrong.body.message).toContain('(memory-hub, side, memory), got "sied"');
  });

  it('names in Cache-Status which of them has answered', async () => {
    const first = await open();
    await first.get('/shop/both/tea').expect(200);
    const { get } = await open(first.main, first.side);
    const status = (await get('/shop/both/tea').expect(200)).headers['cache-status'];
    expect(status).toMatch(/key="shop:price:tea"; detail=memory-hub, .*key="shop:stock:tea"; detail=side$/);
  });

  it('keeps answers of controllers where they say, and shares them from there', async () => {
    const first = await open();
    const { body } = await first.get('/shop/page/tea').expect(200);
    const second = await open(first.main, first.side);
    const answer = await second.get('/shop/page/tea').expect(200);
    expect(answer.body).toEqual(body);
    expect(answer.headers['cache-status']).toContain('detail=side');
    await second.cache.clear({ scope: 'shop' });
    expect((await first.get('/shop/page/tea').expect(200)).body).not.toEqual(body);
  });

  it('shows a client its own writes of all of them, also where the log of one has not told yet', async () => {
    const first = await open();
    const second = await open(first.main, first.side);
    const other = first.side.last;
    prices = 1;
    expect((await second.get('/shop/prices').expect(200)).body).toEqual([1, 1, 1]);
    other.pause();
    const written = await first.get('/shop/raise').expect(200);
    const position = written.headers['x-cache-pos']!;
    expect(position).toEqual(expect.any(String));
    const answer = await second.get('/shop/prices').set('x-cache-pos', position).expect(200);
    expect(answer.body).toEqual([2, 2, 2]);
    expect(answer.headers['cache-status']).toContain('fwd=bypass');
    other.resume();
    expect((await second.get('/shop/prices').expect(200)).body).toEqual([2, 2, 2]);
  });

  it('shows the link and the memory of each in the metrics', async () => {
    const { get, scrape, side } = await open();
    await get('/shop/both/tea').expect(200);
    expect(await scrape()).toContain('larder_memory_entries{backend="side"} 1\n');
    expect(await scrape()).toContain('larder_memory_entries{backend="memory-hub"} 1\n');
    side.last.cutOff();
    expect(await scrape()).toContain('larder_link_state{backend="side",state="live"} 0\n');
    expect(await scrape()).toContain('larder_link_state{backend="memory-hub",state="live"} 1\n');
    const { body } = await get('/cache/metrics').expect(200);
    expect(body.backends).toMatchObject([
      { name: 'memory-hub', memory: { entries: 1 }, log: { state: 'live' } },
      { name: 'side', memory: { entries: 1 }, log: { state: 'detached' } },
    ]);
  });
});
