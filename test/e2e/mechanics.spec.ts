import { jest } from '@jest/globals';
import {
  Controller,
  ForbiddenException,
  Get,
  Inject,
  Injectable,
  Param,
  Scope,
  SetMetadata,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
} from '@nestjs/common';
import { ContextIdFactory, ModuleRef, Reflector } from '@nestjs/core';
import { Cached, CachedMany, CacheScope, Invalidates } from 'nestjs-larder';
import request from 'supertest';
import { start } from './mechanics-app.js';

@Injectable()
class CounterService {
  calls = 0;

  @Cached(60)
  async next(_id: number): Promise<number> {
    this.calls += 1;
    return this.calls;
  }

  /** A call through `this`. */
  async twice(id: number): Promise<[number, number]> {
    return [await this.next(id), await this.next(id)];
  }
}

let app: INestApplication | null = null;

async function startWith(...args: Parameters<typeof start>): Promise<INestApplication> {
  ({ app } = await start(...args));
  return app;
}

afterEach(async () => {
  await app?.close();
  app = null;
});

describe('a decorated method is cached', () => {
  it('in a service, also when the service calls itself through `this`', async () => {
    const counter = (await startWith({ providers: [CounterService] })).get(CounterService);
    expect(await counter.twice(1)).toEqual([1, 1]);
    expect(await counter.next(1)).toBe(1);
    expect(await counter.next(2)).toBe(2);
  });

  it('on every instance of a request-scoped provider', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      static calls = 0;

      @Cached(60)
      async next(): Promise<number> {
        PerRequest.calls += 1;
        return PerRequest.calls;
      }
    }
    const { resolve } = bindAll(await startWith({ providers: [PerRequest] }));
    const first = await resolve(PerRequest, ContextIdFactory.create());
    const second = await resolve(PerRequest, ContextIdFactory.create());
    expect(first).not.toBe(second);
    expect([await first.next(), await second.next()]).toEqual([1, 1]);
  });

  it('on every instance of a transient provider', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient {
      static calls = 0;

      @Cached(60)
      async next(): Promise<number> {
        Transient.calls += 1;
        return Transient.calls;
      }
    }
    const { resolve } = bindAll(await startWith({ providers: [Transient] }));
    const instances = await Promise.all([resolve(Transient), resolve(Transient)]);
    expect(await Promise.all(instances.map((each) => each.next()))).toEqual([1, 1]);
  });

  it('in a controller and in a request-scoped controller, behind guards that still see their metadata', async () => {
    const seen: unknown[] = [];
    const Roles = (...roles: string[]) => SetMetadata('roles', roles);

    @Injectable()
    class RolesGuard implements CanActivate {
      constructor(private readonly reflector: Reflector) {}
      canActivate(context: ExecutionContext): boolean {
        const roles = this.reflector.get<string[]>('roles', context.getHandler());
        seen.push(roles);
        if (roles.includes('nobody')) throw new ForbiddenException();
        return true;
      }
    }

    @Controller('counter')
    class CounterController {
      calls = 0;

      @Get('above/:id')
      @UseGuards(RolesGuard)
      @Roles('admin')
      @Cached(60)
      async above(@Param('id') _id: string): Promise<{ calls: number }> {
        return { calls: (this.calls += 1) };
      }

      @Cached(60)
      @Get('below/:id')
      @UseGuards(RolesGuard)
      @Roles('user')
      async below(@Param('id') _id: string): Promise<{ calls: number }> {
        return { calls: (this.calls += 1) };
      }

      @Cached(60)
      @Get('closed')
      @UseGuards(RolesGuard)
      @Roles('nobody')
      async closed(): Promise<string> {
        return 'secret';
      }
    }

    @Controller({ path: 'scoped', scope: Scope.REQUEST })
    class ScopedController {
      static calls = 0;

      @Get()
      @Cached(60)
      async get(): Promise<{ calls: number }> {
        return { calls: (ScopedController.calls += 1) };
      }
    }

    const server = (
      await startWith({ controllers: [CounterController, ScopedController], providers: [RolesGuard] })
    ).getHttpServer();
    for (const path of ['/counter/above/1', '/counter/below/1', '/scoped']) {
      const first = await request(server).get(path).expect(200);
      expect((await request(server).get(path).expect(200)).body).toEqual(first.body);
    }
    await request(server).get('/counter/closed').expect(403);
    expect(seen).toEqual([['admin'], ['admin'], ['user'], ['user'], ['nobody']]);
  });

  it('with decorators above and below that replace the method', async () => {
    const order: string[] = [];
    const logged =
      (name: string): MethodDecorator =>
      (_target, _property, descriptor: PropertyDescriptor) => {
        const original = descriptor.value as (...args: unknown[]) => unknown;
        descriptor.value = function (this: unknown, ...args: unknown[]) {
          order.push(name);
          return original.apply(this, args);
        };
      };

    @Injectable()
    class Wrapped {
      @logged('above')
      @Cached(60)
      @logged('below')
      async get(id: number): Promise<number> {
        return id;
      }
    }
    const wrapped = (await startWith({ providers: [Wrapped] })).get(Wrapped);
    await wrapped.get(1);
    await wrapped.get(1);
    expect(order).toEqual(['above', 'below', 'above']);
  });

  it('keeps name, length and metadata of the method it stands for', async () => {
    @Injectable()
    class Described {
      @Cached(60)
      @SetMetadata('k', 'v')
      async find(_id: number, _locale: string): Promise<string> {
        return 'x';
      }
    }
    const find = Reflect.get(Described.prototype, 'find') as { name: string; length: number };
    expect([find.name, find.length, Reflect.getMetadata('k', find)]).toEqual(['find', 2, 'v']);
  });

  it('under a symbol, by the name it is given', async () => {
    const find = Symbol('find');
    @Injectable()
    class BySymbol {
      calls = 0;
      @Cached({ name: 'find' })
      async [find](): Promise<number> {
        return (this.calls += 1);
      }
    }
    const service = (await startWith({ providers: [BySymbol] })).get(BySymbol);
    expect([await service[find](), await service[find]()]).toEqual([1, 1]);
  });

  it('whatever the provider was made by: useClass, useExisting, useFactory, useValue', async () => {
    const value = new CounterService();
    const { get } = bindAll(
      await startWith({
        providers: [
          CounterService,
          { provide: 'EXISTING', useExisting: CounterService },
          { provide: 'CLASS', useClass: CounterService },
          { provide: 'FACTORY', useFactory: () => new CounterService() },
          { provide: 'ASYNC', useFactory: async () => new CounterService(), inject: [CounterService] },
          { provide: 'VALUE', useValue: value },
        ],
      }),
    );
    for (const [index, token] of [CounterService, 'EXISTING', 'CLASS', 'FACTORY', 'ASYNC', 'VALUE'].entries()) {
      const counter = get<CounterService>(token);
      await counter.next(index);
      const { calls } = counter;
      await counter.next(index);
      expect(counter.calls).toBe(calls);
    }
  });

  it('on frozen and sealed instances', async () => {
    @Injectable()
    class Frozen {
      static calls = 0;
      constructor() {
        Object.freeze(this);
      }
      @Cached(60)
      async next(): Promise<number> {
        return (Frozen.calls += 1);
      }
    }
    const { get } = bindAll(
      await startWith({
        providers: [Frozen, { provide: 'SEALED', useFactory: () => Object.seal(new CounterService()) }],
      }),
    );
    const frozen = get<Frozen>(Frozen);
    expect([await frozen.next(), await frozen.next()]).toEqual([1, 1]);
    const sealed = get<CounterService>('SEALED');
    expect(await sealed.twice(1)).toEqual([1, 1]);
  });

  it('made later through ModuleRef.create', async () => {
    const created = await (await startWith({ providers: [] })).get(ModuleRef).create(CounterService);
    expect(await created.twice(1)).toEqual([1, 1]);
  });

  it('also where it depends on a class that is cached itself', async () => {
    @Injectable()
    class Outer {
      calls = 0;
      constructor(@Inject(CounterService) private readonly counter: CounterService) {}
      @Cached(60)
      async both(id: number): Promise<number> {
        this.calls += 1;
        return this.counter.next(id);
      }
    }
    const outer = (await startWith({ providers: [Outer, CounterService] })).get(Outer);
    expect([await outer.both(1), await outer.both(1)]).toEqual([1, 1]);
    expect(outer.calls).toBe(1);
  });

  it('when it calls itself with other arguments', async () => {
    @Injectable()
    class Recursive {
      calls = 0;
      @Cached(60)
      async factorial(n: number): Promise<number> {
        this.calls += 1;
        return n <= 1 ? 1 : n * (await this.factorial(n - 1));
      }
    }
    const recursive = (await startWith({ providers: [Recursive] })).get(Recursive);
    expect(await recursive.factorial(10)).toBe(3_628_800);
    expect(await recursive.factorial(9)).toBe(362_880);
    expect(recursive.calls).toBe(10);
  });

  it('together with @Invalidates on the same class, and @CachedMany', async () => {
    @CacheScope('thing')
    @Injectable()
    class Things {
      calls: unknown[] = [];
      @CachedMany<Things['byIds']>({ id: (thing) => thing.id, entities: (_, id) => [['thing', id]] })
      async byIds(ids: number[]): Promise<{ id: number }[]> {
        this.calls.push(ids);
        return ids.map((id) => ({ id }));
      }
      @Invalidates<Things['change']>({ entities: (id) => [['thing', id]] })
      async change(id: number): Promise<number> {
        return id;
      }
    }
    const things = (await startWith({ providers: [Things] })).get(Things);
    await things.byIds([1, 2]);
    await things.change(1);
    await things.byIds([1, 2]);
    expect(things.calls).toEqual([[1, 2], [1]]);
  });
});

describe('inheritance', () => {
  abstract class Repository<T> {
    calls = 0;
    abstract readonly row: T;

    @Cached(60)
    async find(_id: number): Promise<T> {
      this.calls += 1;
      return this.row;
    }
  }

  @Injectable()
  class UserRepository extends Repository<string> {
    readonly row = 'user';
  }

  @CacheScope('orders')
  @Injectable()
  class OrderRepository extends Repository<number> {
    readonly row = 42;
  }

  it('caches what a generic base declares, for each subclass by itself', async () => {
    const { get } = bindAll(await startWith({ providers: [UserRepository, OrderRepository] }));
    const [users, orders] = [get<UserRepository>(UserRepository), get<OrderRepository>(OrderRepository)];
    expect([await users.find(1), await orders.find(1)]).toEqual(['user', 42]);
    expect([await users.find(1), await orders.find(1)]).toEqual(['user', 42]);
    expect([users.calls, orders.calls]).toEqual([1, 1]);
  });

  it('caches an override and the method it calls by `super`, when both are decorated', async () => {
    const calls: string[] = [];
    @Injectable()
    class Base {
      @Cached(60)
      async get(id: number): Promise<string> {
        calls.push(`base ${id}`);
        return 'base';
      }
    }
    @Injectable()
    class Derived extends Base {
      @Cached(60)
      override async get(id: number): Promise<string> {
        calls.push(`derived ${id}`);
        return `derived ${await super.get(id)}`;
      }
    }
    const derived = (await startWith({ providers: [Derived] })).get(Derived);
    expect([await derived.get(1), await derived.get(1)]).toEqual(['derived base', 'derived base']);
    expect(calls).toEqual(['derived 1', 'base 1']);
  });

  it('caches what an undecorated override calls by `super`', async () => {
    const calls: string[] = [];
    @Injectable()
    class Base {
      @Cached(60)
      async get(id: number): Promise<string> {
        calls.push(`base ${id}`);
        return 'base';
      }
    }
    @Injectable()
    class Derived extends Base {
      override async get(id: number): Promise<string> {
        calls.push(`derived ${id}`);
        return super.get(id);
      }
    }
    const derived = (await startWith({ providers: [Derived] })).get(Derived);
    await derived.get(1);
    await derived.get(1);
    expect(calls).toEqual(['derived 1', 'base 1', 'derived 1']);
  });

  it('binds a class whose base and whose own methods are decorated', async () => {
    @Injectable()
    class Derived extends CounterService {
      @Cached(60)
      async other(id: number): Promise<number> {
        return this.next(id);
      }
    }
    const derived = (await startWith({ providers: [Derived] })).get(Derived);
    expect([await derived.other(1), await derived.next(1), await derived.other(1)]).toEqual([1, 1, 1]);
  });
});

describe('without an application', () => {
  it('a method just runs, in a unit test and in an application without the module', async () => {
    const alone = new CounterService();
    expect([await alone.next(1), await alone.next(1)]).toEqual([1, 2]);
    const counter = (await startWith({ providers: [CounterService] }, null)).get(CounterService);
    expect([await counter.next(1), await counter.next(1)]).toEqual([1, 2]);
  });

  it('a method borrowed by another object just runs', async () => {
    @Injectable()
    class Other {
      @Cached(60)
      async own(): Promise<string> {
        return 'own';
      }
    }
    const other = (await startWith({ providers: [Other] })).get(Other);
    const borrowed = Reflect.get(CounterService.prototype, 'next') as (this: unknown, id: number) => Promise<number>;
    Object.assign(other, { calls: 0 });
    expect([await borrowed.call(other, 1), await borrowed.call(other, 1)]).toEqual([1, 2]);
    expect(await borrowed.call({ calls: 0 }, 1)).toBe(1);
  });

  it('a call in a constructor just runs', async () => {
    @Injectable()
    class Eager {
      readonly first = this.next(1);
      static calls = 0;
      @Cached(60)
      async next(_id: number): Promise<number> {
        return (Eager.calls += 1);
      }
    }
    const eager = (await startWith({ providers: [Eager] })).get(Eager);
    expect([await eager.first, await eager.next(1), await eager.next(1)]).toEqual([1, 2, 2]);
  });

  it('methods run uncached after close()', async () => {
    const running = await startWith({ providers: [CounterService] });
    const counter = running.get(CounterService);
    expect(await counter.twice(1)).toEqual([1, 1]);
    await running.close();
    app = null;
    expect(await counter.twice(1)).toEqual([2, 3]);
  });
});

describe('two applications in one process', () => {
  it('have caches of their own, though they share the classes', async () => {
    const first = await start({ providers: [CounterService] });
    const second = await start({ providers: [CounterService] });
    const [a, b] = [first.app.get(CounterService), second.app.get(CounterService)];
    expect([await a.twice(1), await b.twice(1)]).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect([a.calls, b.calls]).toEqual([1, 1]);
    await first.app.close();
    expect(await b.next(1)).toBe(1);
    await second.app.close();
  });

  it('one after the other, cache the methods of an object that both are given', async () => {
    const shared = new CounterService();
    const providers = [{ provide: CounterService, useValue: shared }];
    const first = await start({ providers });
    expect(await shared.twice(1)).toEqual([1, 1]);
    await first.app.close();
    const second = await start({ providers });
    expect(await shared.twice(1)).toEqual([2, 2]);
    await second.app.close();
  });
});

describe('jest.spyOn', () => {
  it('replaces a cached method on an instance and on the prototype, and gives it back', async () => {
    const counter = (await startWith({ providers: [CounterService] })).get(CounterService);
    const onInstance = jest.spyOn(counter, 'next').mockResolvedValue(99);
    expect(await counter.next(1)).toBe(99);
    onInstance.mockRestore();
    const onPrototype = jest.spyOn(CounterService.prototype, 'next').mockResolvedValue(98);
    expect(await counter.next(1)).toBe(98);
    onPrototype.mockRestore();
    expect(await counter.twice(1)).toEqual([1, 1]);
  });

  it('can watch a cached method without replacing it', async () => {
    const counter = (await startWith({ providers: [CounterService] })).get(CounterService);
    const spy = jest.spyOn(counter, 'next');
    await counter.twice(1);
    expect(spy).toHaveBeenCalledTimes(2);
    expect(counter.calls).toBe(1);
  });
});

function bindAll(running: INestApplication) {
  return {
    get: <T>(token: unknown): T => running.get(token as never),
    resolve: <T>(type: new (...args: never[]) => T, context?: Parameters<INestApplication['resolve']>[1]): Promise<T> =>
      running.resolve(type as never, context),
  };
}
