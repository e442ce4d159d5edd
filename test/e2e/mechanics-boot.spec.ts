import { Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import {
  Cached,
  CachedMany,
  CacheError,
  CacheModule,
  CacheScope,
  CacheService,
  Invalidates,
  InvalidateOn,
} from 'nestjs-larder';
import { start } from './mechanics-app.js';

type CachedGiven = Parameters<typeof Cached>[0];

/** A service with one cached method, `find(id)`. */
function serviceWith(given: CachedGiven) {
  @CacheScope('user')
  @Injectable()
  class UserService {
    calls = 0;
    @Cached(given)
    async find(_id: number): Promise<number> {
      return (this.calls += 1);
    }
  }
  return UserService;
}

/** The error that keeps an application from starting. */
async function bootError(metadata: ModuleMetadata, options: Parameters<typeof start>[1] = {}): Promise<CacheError> {
  try {
    const { app } = await start(metadata, options);
    await app.close();
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError);
    return error as CacheError;
  }
  throw new Error('the application started');
}

async function callsOfTwo(given: CachedGiven, options: Parameters<typeof start>[1] = {}): Promise<number> {
  const Service = serviceWith(given);
  const { app } = await start({ providers: [Service] }, options);
  const service = app.get(Service);
  await service.find(1);
  await service.find(1);
  await app.close();
  return service.calls;
}

describe('a decorator that cannot work stops the boot, naming class, method and cure', () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 'abc', '-5s', ''])('ttl %p', async (ttl) => {
    const error = await bootError({ providers: [serviceWith({ ttl })] });
    expect(error.code).toBe('LARDER_DURATION_INVALID');
    expect(error.message).toContain('UserService.find');
    expect(error.message).toContain('ttl');
  });

  it.each<[string, CachedGiven]>([
    ['a grace that is no duration', { grace: 'long' }],
    ['a jitter that is no share', { jitter: 5 }],
    ['an isolation that there is not', { isolation: 'none' as never }],
    ['an `enabled` that is no boolean', { enabled: 'yes' as never }],
  ])('%s', async (_, given) => {
    const error = await bootError({ providers: [serviceWith(given)] });
    expect(error.message).toContain('UserService.find');
  });

  it.each<[string, CachedGiven]>([
    ['a key that no declared parameter has', { keys: ['name'], params: ['id'] }],
    ['keys of a parameter that is no object', { keys: ['id'] }],
    ['an empty list of keys', { keys: [] }],
    ['a parameter named twice', { keys: ['id'], params: ['id', 'id'] }],
  ])('%s', async (_, given) => {
    const error = await bootError({ providers: [serviceWith(given)] });
    expect(error.code).toBe('LARDER_OPTION_INVALID');
    expect(error.message).toContain('UserService.find');
  });

  it('@InvalidateOn() without @Cached()', async () => {
    @Injectable()
    class Lonely {
      @InvalidateOn('user.updated')
      async find(): Promise<void> {}
    }
    const error = await bootError({ providers: [Lonely] });
    expect(error.message).toContain('Lonely.find');
    expect(error.message).toContain('@Cached()');
    expect(error.message).toContain('@Invalidates()');
  });

  it.each([
    ['nothing', {}],
    ['a reason alone', { reason: 'moved' }],
    ['`clear: false`', { clear: false }],
    ['a field that there is not', { scope: true } as object],
  ])('@Invalidates() that names %s', async (_, options) => {
    @Injectable()
    class Idle {
      @Invalidates(options)
      async move(): Promise<void> {}
    }
    const error = await bootError({ providers: [Idle] });
    expect(error.code).toBe('LARDER_OPTION_INVALID');
    expect(error.message).toContain('Idle.move');
    expect(error.message).toContain('clear: true');
  });

  it('a symbol method without a name', async () => {
    const find = Symbol('find');
    @Injectable()
    class BySymbol {
      @Cached(60)
      async [find](): Promise<void> {}
    }
    const error = await bootError({ providers: [BySymbol] });
    expect(error.message).toContain('BySymbol.Symbol(find)');
    expect(error.message).toContain('name');
  });

  it('two methods of one name', async () => {
    @Injectable()
    class Twins {
      @Cached({ name: 'find' })
      async one(): Promise<void> {}
      @Cached({ name: 'find' })
      async two(): Promise<void> {}
    }
    @Injectable()
    class Fine {
      @Cached(60)
      async one(): Promise<void> {}
    }
    await expect(start({ providers: [Fine] }).then(({ app }) => app.close())).resolves.toBeUndefined();
    const error = await bootError({ providers: [Twins] });
    expect(error.message).toContain('Twins.');
  });

  it.each([
    ['a name', (): [new () => object, new () => object] => [serviceWith(60), serviceWith(60)]],
    [
      'an inherited scope',
      (): [new () => object, new () => object] => {
        const Base = serviceWith(60);
        @Injectable()
        class Sub extends Base {}
        return [Base, Sub];
      },
    ],
  ])('two classes that share %s and would be served each other’s values', async (_, classes) => {
    const [First, Second] = classes();
    @Module({ providers: [First] })
    class FirstModule {}
    @Module({ providers: [Second] })
    class SecondModule {}
    const error = await bootError({ imports: [FirstModule, SecondModule] });
    expect(error.code).toBe('LARDER_OPTION_INVALID');
    expect(error.message).toContain('user:find');
    expect(error.message).toContain('@CacheScope');
  });

  it('the module imported twice with different options, of which one would invalidate in vain', async () => {
    @Module({ imports: [CacheModule.forRoot({ namespace: 'library' })] })
    class LibraryModule {}
    const error = await bootError({ imports: [LibraryModule], providers: [serviceWith(60)] }, { namespace: 'app' });
    expect(error.message).toContain('CacheModule');
    expect(error.message).toContain('root module');
  });

  it('a request-scoped class too, though no instance exists at boot', async () => {
    const Service = serviceWith({ ttl: 0 });
    const error = await bootError({ providers: [{ provide: 'S', useClass: Service, scope: 2 }] });
    expect(error.message).toContain('UserService.find');
  });
});

describe('a decorator on what is no instance method fails where it stands', () => {
  const decorators: [string, MethodDecorator][] = [
    ['@Cached()', Cached(60) as MethodDecorator],
    ['@CachedMany()', CachedMany({ id: (item: { id: number }) => item.id }) as MethodDecorator],
    ['@Invalidates()', Invalidates({ clear: true }) as MethodDecorator],
    ['@InvalidateOn()', InvalidateOn('e') as unknown as MethodDecorator],
  ];

  it.each(decorators)('%s on a static method', (name, decorate) => {
    class Target {
      static async find(): Promise<void> {}
    }
    const apply = () => decorate(Target, 'find', Object.getOwnPropertyDescriptor(Target, 'find')!);
    expect(apply).toThrow(expect.objectContaining({ code: 'LARDER_DECORATOR_TARGET' }));
    expect(apply).toThrow('Target.find');
    expect(apply).toThrow(name);
  });

  it.each(decorators.slice(0, 3))('%s on an accessor', (name, decorate) => {
    class Target {
      get find(): string {
        return 'x';
      }
    }
    const apply = () => decorate(Target.prototype, 'find', Object.getOwnPropertyDescriptor(Target.prototype, 'find')!);
    expect(apply).toThrow(expect.objectContaining({ code: 'LARDER_DECORATOR_TARGET' }));
    expect(apply).toThrow(name);
  });
});

describe('a name in the options that nothing has', () => {
  it.each<[string, NonNullable<Parameters<typeof start>[1]>, string]>([
    ['of a known scope', { services: { user: { actions: { fnd: { ttl: 5 } } } } }, '(find)'],
    ['of an unknown scope', { services: { usr: { actions: { find: { ttl: 5 } } } } }, 'services.usr'],
  ])('stops the boot if it is an action %s', async (_, options, named) => {
    const error = await bootError({ providers: [serviceWith(60)] }, options);
    expect(error.code).toBe('LARDER_OPTION_INVALID');
    expect(error.message).toContain(named);
  });

  it.each<[string, NonNullable<Parameters<typeof start>[1]>]>([
    ['services', { services: { usr: { ttl: 5 } } }],
    ['an event mapping', { events: [{ event: 'e', keys: ['*'], scope: 'usr' }] }],
  ])('is warned of if it is a scope in %s, which may be used by hand', async (_, options) => {
    const { app, logs } = await start({ providers: [serviceWith(60)] }, options);
    expect(logs.containing('usr')).toEqual([expect.stringContaining('(user)')]);
    await app.close();
  });

  it('is not one that is merely switched off', async () => {
    const off = serviceWith({ enabled: false });
    const { app, logs } = await start({ providers: [off] }, { services: { user: { actions: { find: { ttl: 5 } } } } });
    expect(logs.containing('warn')).toEqual([]);
    await app.close();
  });
});

describe('enabled', () => {
  it.each<[string, CachedGiven, Parameters<typeof start>[1], number]>([
    ['off for the action', { enabled: false }, {}, 2],
    ['off for the service', 60, { services: { user: { enabled: false } } }, 2],
    ['off for the application', 60, { defaults: { enabled: false } }, 2],
    [
      'off for the application, on for the service',
      60,
      { defaults: { enabled: false }, services: { user: { enabled: true } } },
      1,
    ],
    [
      'off for the service, on for the action',
      60,
      { services: { user: { enabled: false, actions: { find: { enabled: true } } } } },
      1,
    ],
    ['off for the application, on at the decorator', { enabled: true }, { defaults: { enabled: false } }, 1],
  ])('%s', async (_, given, options, calls) => {
    expect(await callsOfTwo(given, options)).toBe(calls);
  });

  it('off: getOrSet loads each time, and set keeps nothing', async () => {
    const { app } = await start({}, { defaults: { enabled: false } });
    const cache = app.get(CacheService);
    let loads = 0;
    await cache.getOrSet('k', () => (loads += 1));
    await cache.getOrSet('k', () => (loads += 1));
    await cache.set('k', 'value');
    expect(loads).toBe(2);
    expect(cache.get('k')).toBeUndefined();
    await app.close();
  });
});

describe('the boot', () => {
  it('says once, in one line, what is cached and where', async () => {
    @CacheScope('order')
    @Injectable()
    class OrderService {
      @Cached(60)
      async list(): Promise<void> {}
      @CachedMany<OrderService['byIds']>({ id: (order) => order.id })
      async byIds(_ids: number[]): Promise<{ id: number }[]> {
        return [];
      }
      @Cached({ enabled: false })
      async off(): Promise<void> {}
    }
    const { app, logs } = await start({ providers: [OrderService, serviceWith(60)] }, { namespace: 'shop' });
    const lines = logs.containing('Caching namespace');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("'shop'");
    expect(lines[0]).toContain('memory');
    expect(lines[0]).toContain('order (list, byIds)');
    expect(lines[0]).toContain('user (find)');
    expect(lines[0]).not.toContain('off');
    await app.close();
  });

  it('asks whether milliseconds were meant', async () => {
    const { app, logs } = await start({ providers: [serviceWith(60_000 * 60)] });
    const [warning] = logs.containing('milli').concat(logs.containing("ms'"));
    expect(warning).toContain('UserService.find');
    expect(warning).toContain("'3600000ms'");
    await app.close();
    const quiet = await start({ providers: [serviceWith(86_400)] });
    expect(quiet.logs.containing('UserService.find')).toEqual([]);
    await quiet.app.close();
  });

  it('names the option that cannot work', async () => {
    expect(() => CacheModule.forRoot({ namespace: 'a b' })).not.toThrow();
    const error = await bootError({}, { namespace: 'a b' });
    expect(error.message).toContain('namespace');
    expect((await bootError({}, { memory: { maxBytes: 'much' } })).message).toContain('maxBytes');
    expect((await bootError({}, { codec: { maxPayloadBytes: 'much' } })).message).toContain('maxPayloadBytes');
    expect((await bootError({}, { outboxWorker: { claimTtlMs: -1 } })).message).toContain('claimTtlMs');
  });

  it('takes options from a factory, a class or an existing provider', async () => {
    @Injectable()
    class Config {
      createCacheOptions() {
        return { namespace: 'made' };
      }
    }
    @Module({ providers: [Config], exports: [Config] })
    class ConfigModule {}
    for (const imports of [
      [CacheModule.forRootAsync({ useFactory: async () => ({ namespace: 'made' }) })],
      [CacheModule.forRootAsync({ useClass: Config })],
      [CacheModule.forRootAsync({ imports: [ConfigModule], useExisting: Config })],
      [
        CacheModule.forRootAsync({
          imports: [ConfigModule],
          inject: [Config],
          useFactory: (config: Config) => config.createCacheOptions(),
        }),
      ],
    ]) {
      const { app, logs } = await start({ imports }, null);
      expect(logs.containing("'made'")).toHaveLength(1);
      await app.close();
    }
  });
});
