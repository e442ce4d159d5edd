import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cached,
  CacheActions,
  CachedMany,
  CacheEvents,
  CacheModule,
  CacheScope,
  Invalidates,
  InvalidateOn,
  entityTag,
} from 'nestjs-larder';

interface User {
  id: number;
  name: string;
}

@CacheScope('user')
@Injectable()
class UserService {
  calls: unknown[] = [];
  readonly rows = new Map<number, User>([
    [1, { id: 1, name: 'Ann' }],
    [2, { id: 2, name: 'Bob' }],
  ]);

  @Cached(60)
  async getUser(id: number): Promise<User | undefined> {
    this.calls.push(['getUser', id]);
    return this.rows.get(id);
  }

  @Cached<UserService['search']>({ ttl: '30s', tags: (rows) => rows.map((row) => entityTag('user', row.id)) })
  async search(text: string): Promise<User[]> {
    this.calls.push(['search', text]);
    return [...this.rows.values()].filter((row) => row.name.includes(text));
  }

  @CachedMany<UserService['byIds']>({ ttl: '5m', id: (user) => user.id, entities: (_user, id) => [['user', id]] })
  async byIds(ids: number[]): Promise<User[]> {
    this.calls.push(['byIds', ...ids]);
    return ids.flatMap((id) => this.rows.get(id) ?? []);
  }

  @Cached(60)
  @InvalidateOn('user.updated', (event: { id: number }) => [event.id])
  async getProfile(id: number): Promise<string> {
    this.calls.push(['getProfile', id]);
    return `profile of ${this.rows.get(id)?.name}`;
  }

  @Invalidates<UserService['rename']>({
    entities: (user) => [['user', user.id]],
    keys: (user) => [`getUser:${user.id}`],
  })
  async rename(id: number, name: string): Promise<User> {
    const user = { id, name };
    this.rows.set(id, user);
    return user;
  }
}

async function start(...providers: (typeof UserService)[]) {
  const module = await Test.createTestingModule({
    imports: [CacheModule.forRoot({ namespace: 'shop', events: [{ event: 'users.imported', keys: ['getUser:*'] }] })],
    providers,
  }).compile();
  const app = module.createNestApplication({ logger: false });
  await app.init();
  return app;
}

describe('the decorators on a service', () => {
  let app: Awaited<ReturnType<typeof start>>;
  let users: UserService;

  beforeEach(async () => {
    app = await start(UserService);
    users = app.get(UserService);
  });
  afterEach(() => app.close());

  it('runs a cached method once per distinct argument', async () => {
    expect(await users.getUser(1)).toEqual({ id: 1, name: 'Ann' });
    expect(await users.getUser(1)).toEqual({ id: 1, name: 'Ann' });
    expect(await users.getUser(2)).toEqual({ id: 2, name: 'Bob' });
    expect(users.calls).toEqual([
      ['getUser', 1],
      ['getUser', 2],
    ]);
  });

  it('asks a bulk method only for the ids that are missing', async () => {
    await users.byIds([1]);
    expect(await users.byIds([2, 1, 3])).toEqual([
      { id: 2, name: 'Bob' },
      { id: 1, name: 'Ann' },
    ]);
    await users.byIds([3]);
    expect(users.calls).toEqual([
      ['byIds', 1],
      ['byIds', 2, 3],
    ]);
  });

  it('shows a write to every method that depends on it', async () => {
    await Promise.all([users.getUser(1), users.search('n'), users.byIds([1, 2]), users.getUser(2)]);
    await users.rename(1, 'Anna');
    users.calls = [];
    expect(await users.getUser(1)).toEqual({ id: 1, name: 'Anna' });
    expect(await users.search('n')).toEqual([{ id: 1, name: 'Anna' }]);
    expect(await users.byIds([1, 2])).toEqual([
      { id: 1, name: 'Anna' },
      { id: 2, name: 'Bob' },
    ]);
    await users.getUser(2);
    expect(users.calls).toEqual([
      ['getUser', 1],
      ['search', 'n'],
      ['byIds', 1],
    ]);
  });

  it('follows events, by declaration and by mapping', async () => {
    const events = app.get(CacheEvents);
    await users.getProfile(1);
    await users.getProfile(2);
    await users.getUser(1);
    users.calls = [];
    await events.publish('user.updated', { id: 1 });
    await events.publish('users.imported');
    await users.getProfile(1);
    await users.getProfile(2);
    await users.getUser(1);
    expect(users.calls).toEqual([
      ['getProfile', 1],
      ['getUser', 1],
    ]);
  });

  it('offers clear, delete and revoke for services', async () => {
    const actions = app.get(CacheActions).for('user');
    await Promise.all([users.getUser(1), users.getUser(2), users.getProfile(1)]);
    expect((await actions.delete('getUser:1')).removed).toBe(1);
    expect((await actions.delete('getUser:1')).removed).toBe(0);
    expect((await actions.revoke('getUser:*')).removed).toBe(1);
    expect((await actions.clear()).removed).toBe(1);
    users.calls = [];
    await Promise.all([users.getUser(1), users.getUser(2), users.getProfile(1)]);
    expect(users.calls).toHaveLength(3);
  });
});
