import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cached,
  CacheHealth,
  CacheMetrics,
  CacheModule,
  CacheScope,
  CacheService,
  InvalidationIntent,
  Invalidates,
  type CacheHealthReport,
  type CacheModuleOptions,
} from 'nestjs-larder';

/** What all instances read, by key. */
export type Source = Map<string, string>;
/** The methods of the shop, each named after where it keeps its values. */
export const METHODS = ['main', 'side', 'here'] as const;

/** One instance of an application with a method in the main backend, one in the backend `side`, and one in memory alone. */
export class Instance {
  private constructor(
    private readonly app: INestApplication,
    readonly shop: Shop,
    readonly cache: CacheService,
  ) {}

  static async start(source: Source, options: CacheModuleOptions): Promise<Instance> {
    const module = await Test.createTestingModule({
      imports: [CacheModule.forRoot({ namespace: 'shop', ...options })],
      providers: [{ provide: Shop, useFactory: () => new Shop(source) }],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    return new Instance(app, app.get(Shop), app.get(CacheService));
  }

  health(): CacheHealthReport {
    return this.app.get(CacheHealth).report();
  }

  snapshot() {
    return this.app.get(CacheMetrics).snapshot();
  }

  /** What a method answers for a key, and whether its source was asked. */
  async read(method: (typeof METHODS)[number], key: string): Promise<{ value: string; loaded: boolean }> {
    const before = this.shop.loads.length;
    const value = await this.shop[method](key);
    return { value, loaded: this.shop.loads.length > before };
  }

  /** Invalidates a key's tag, which the entries of all methods carry. */
  invalidate(key: string, wait: 'applied' | 'cluster' = 'applied') {
    return this.cache.invalidate([InvalidationIntent.tag(key)], { wait });
  }

  async until(what: string, condition: (health: CacheHealthReport) => boolean | Promise<boolean>): Promise<void> {
    const giveUpAt = performance.now() + 20_000;
    while (!(await condition(this.health()))) {
      if (performance.now() > giveUpAt) throw new Error(`waited in vain for ${what}: ${JSON.stringify(this.health())}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Resolves when all backends are attached. */
  live(): Promise<void> {
    return this.until('all backends to be live', ({ status }) => status === 'up');
  }

  close(): Promise<void> {
    return this.app.close();
  }
}

@CacheScope('shop')
@Injectable()
export class Shop {
  readonly loads: string[] = [];

  constructor(private readonly source: Source) {}

  @Cached<Shop['main']>({ ttl: '1h', tags: (_, key) => [key] })
  async main(key: string): Promise<string> {
    return this.load(key);
  }

  @Cached<Shop['side']>({ ttl: '1h', backend: 'side', tags: (_, key) => [key] })
  async side(key: string): Promise<string> {
    return this.load(key);
  }

  @Cached<Shop['here']>({ ttl: '1h', backend: 'memory', tags: (_, key) => [key] })
  async here(key: string): Promise<string> {
    return this.load(key);
  }

  /** Changes what is read; the invalidation that follows is repeated until all backends have it. */
  @Invalidates<Shop['change']>({ tags: (_, key) => [key] })
  async change(key: string, value: string): Promise<void> {
    this.source.set(key, value);
  }

  private load(key: string): string {
    this.loads.push(key);
    return this.source.get(key) ?? 'nothing';
  }
}
