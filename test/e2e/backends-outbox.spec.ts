import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cached,
  CacheHealth,
  CacheInvalidations,
  CacheModule,
  CacheScope,
  InMemoryOutboxStore,
  Invalidates,
  MemoryHub,
  type SharedTierContext,
} from 'nestjs-larder';

type HubInstance = ReturnType<MemoryHub['instance']>;

/** A hub whose instances can be cut off from it. */
class CutHub extends MemoryHub {
  readonly instances: HubInstance[] = [];
  override create(context: SharedTierContext) {
    const instance = this.instance(context);
    this.instances.push(instance);
    return instance;
  }
}

let stock = 1;

@CacheScope('shop')
@Injectable()
class Shop {
  @Cached({ ttl: '1h', tags: ['stock'] })
  async main(): Promise<number> {
    return stock;
  }

  @Cached({ ttl: '1h', tags: ['stock'], backend: 'side' })
  async side(): Promise<number> {
    return stock;
  }

  @Invalidates({ tags: ['stock'] })
  async sell(): Promise<void> {
    stock += 1;
  }
}

describe('an outbox before two backends', () => {
  const apps: INestApplicationContext[] = [];
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });

  it('stays pending until all of them have a row, and the others have it meanwhile', async () => {
    const [main, side, outbox] = [new CutHub(), new CutHub(), new InMemoryOutboxStore()];
    const boot = async (worker: boolean) => {
      const module = await Test.createTestingModule({
        imports: [CacheModule.forRoot({ backend: main, backends: { side }, ...(worker ? { outbox } : {}) })],
        providers: [Shop],
      }).compile();
      module.useLogger(false);
      apps.push(module);
      await module.init();
      return { shop: module.get(Shop), module };
    };
    const [a, b] = [await boot(true), await boot(false)];
    for (const { shop } of [a, b]) expect([await shop.main(), await shop.side()]).toEqual([stock, stock]);

    side.instances[0]!.cutOff();
    await a.shop.sell();
    const invalidations = a.module.get(CacheInvalidations);
    const until = async (condition: () => boolean | Promise<boolean>) => {
      while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await until(async () => (await b.shop.main()) === stock);
    expect((await invalidations.status()).pending).toBe(1);
    expect(a.module.get(CacheHealth).report().deadLetters).toBe(0);
    // Who has committed sees it at once, in all of them (G5).
    expect([await a.shop.main(), await a.shop.side()]).toEqual([stock, stock]);

    side.instances[0]!.reconnect();
    await until(async () => (await invalidations.status()).pending === 0);
    await until(async () => (await b.shop.side()) === stock);
    for (const { shop } of [a, b]) expect([await shop.main(), await shop.side()]).toEqual([stock, stock]);
  }, 20_000);
});
