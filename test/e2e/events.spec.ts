import { Injectable, type INestApplication } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { Cached, CachedMany, CacheEvents, CacheScope, InvalidateOn } from 'nestjs-larder';
import { start, type LogLines } from './mechanics-app.js';

class UserRenamed {
  constructor(readonly id: number) {}
}

@CacheScope('user')
@Injectable()
class UserService {
  calls: string[] = [];
  names = new Map([
    [1, 'Ann'],
    [2, 'Bob'],
  ]);
  /** What a load waits for after it has read. */
  hold: Promise<void> = Promise.resolve();

  @Cached(60)
  @InvalidateOn('user.updated', (event: { id: number }) => [event.id])
  @InvalidateOn(UserRenamed, (event: UserRenamed) => [event.id])
  async getName(id: number): Promise<string | undefined> {
    this.calls.push(`getName ${id}`);
    const name = this.names.get(id);
    await this.hold;
    return name;
  }

  @Cached(60)
  @InvalidateOn('user.updated')
  @InvalidateOn('users.imported')
  async list(): Promise<string[]> {
    this.calls.push('list');
    return [...this.names.values()];
  }

  @CachedMany<UserService['byIds']>({ id: (user) => user.id })
  @InvalidateOn('user.updated', (event: { id: number }) => [[event.id]])
  async byIds(ids: number[]): Promise<{ id: number; name: string }[]> {
    this.calls.push(`byIds ${ids.join()}`);
    return ids.map((id) => ({ id, name: this.names.get(id)! }));
  }

  @Cached(60)
  async untouched(): Promise<string> {
    this.calls.push('untouched');
    return 'x';
  }

  @OnEvent('user.updated')
  onUpdated(event: { id: number }): void {
    this.calls.push(`told ${event.id}`);
  }
}

@CacheScope('order')
@Injectable()
class OrderService {
  calls = 0;
  @Cached({ tags: ['totals'] })
  async total(id: number): Promise<number> {
    return (this.calls += id);
  }
}

let app: INestApplication;
let logs: LogLines;
let users: UserService;
let orders: OrderService;

beforeEach(async () => {
  ({ app, logs } = await start(
    { imports: [EventEmitterModule.forRoot()], providers: [UserService, OrderService] },
    {
      events: [
        { event: 'user.deleted', keys: ['getName:*'], scope: 'user' },
        { event: 'month.closed', tags: ['totals'] },
        { event: 'everything.changed', keys: ['*'] },
        { event: UserRenamed, keys: ['list'] },
      ],
    },
  ));
  users = app.get(UserService);
  orders = app.get(OrderService);
});
afterEach(() => app.close());

async function readAll(): Promise<string[]> {
  users.calls = [];
  const before = orders.calls;
  await users.getName(1);
  await users.getName(2);
  await users.list();
  await users.byIds([1, 2]);
  await users.untouched();
  await orders.total(1);
  return orders.calls === before ? users.calls : [...users.calls, 'total'];
}

const ways: [string, (event: string, payload?: unknown) => Promise<void>][] = [
  ['CacheEvents.publish', (event, payload) => app.get(CacheEvents).publish(event, payload)],
  ['@nestjs/event-emitter', async (event, payload) => void app.get(EventEmitter2).emit(event, payload)],
  [
    '@nestjs/event-emitter, async',
    async (event, payload) => void (await app.get(EventEmitter2).emitAsync(event, payload)),
  ],
];

describe.each(ways)('an event by %s', (_, publish) => {
  it('empties whole methods, and of others the entries whose arguments it names', async () => {
    await readAll();
    await publish('user.updated', { id: 1 });
    const after = await readAll();
    expect(after.filter((call) => !call.startsWith('told'))).toEqual(['getName 1', 'list', 'byIds 1']);
  });

  it('acts by its mapping in the options: patterns of a scope, tags, all scopes', async () => {
    await readAll();
    await publish('user.deleted', { id: 1 });
    expect(await readAll()).toEqual(['getName 1', 'getName 2']);
    await publish('month.closed');
    expect(await readAll()).toEqual(['total']);
    await publish('everything.changed');
    expect(await readAll()).toEqual(['getName 1', 'getName 2', 'list', 'byIds 1,2', 'untouched', 'total']);
  });

  it('that nobody named does nothing', async () => {
    await readAll();
    await publish('something.else', { id: 1 });
    expect(await readAll()).toEqual([]);
  });

  it('during a load keeps the old value out', async () => {
    let release = (): void => undefined;
    users.hold = new Promise((resolve) => {
      release = resolve;
    });
    const first = users.getName(1);
    users.names.set(1, 'Anna');
    await publish('user.updated', { id: 1 });
    const second = users.getName(1);
    release();
    expect(await first).toBe('Ann');
    expect(await second).toBe('Anna');
    expect(await users.getName(1)).toBe('Anna');
  });

  it('whose payload cannot be read clears what it guards, and says so once', async () => {
    await readAll();
    await publish('user.updated', null);
    await publish('user.updated', undefined);
    expect(await readAll()).toEqual(['getName 1', 'getName 2', 'list', 'byIds 1,2', 'untouched']);
    expect(logs.containing('user.updated')).toHaveLength(1);
  });
});

describe('CacheEvents.publish', () => {
  it('takes an event object by its class, and by the name of its class', async () => {
    await readAll();
    await app.get(CacheEvents).publish(new UserRenamed(2));
    expect(await readAll()).toEqual(['getName 2', 'list']);
  });

  it('does nothing for objects that have no class, and for plain ones', async () => {
    await readAll();
    await app.get(CacheEvents).publish(Object.create(null) as object);
    await app.get(CacheEvents).publish({ constructor: undefined });
    await app.get(CacheEvents).publish({ id: 1 });
    expect(await readAll()).toEqual([]);
  });
});

it('other listeners of the same events still hear of them', async () => {
  users.calls = [];
  app.get(EventEmitter2).emit('user.updated', { id: 1 });
  expect(users.calls).toEqual(['told 1']);
});

it('no listener stays behind after close()', async () => {
  const emitter = app.get(EventEmitter2);
  expect(emitter.listenerCount('users.imported')).toBe(1);
  await app.close();
  expect(emitter.listenerCount('users.imported')).toBe(0);
});
