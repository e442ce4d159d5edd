import { Injectable, type INestApplication } from '@nestjs/common';
import {
  Cached,
  CacheModule,
  CacheScope,
  CacheService,
  InvalidationIntent,
  memory,
  MemoryHub,
  type CacheModuleOptions,
  type HubInstance,
} from 'nestjs-larder';
import request from 'supertest';
import { HeldClock } from './held-clock.js';
import { PLATFORMS, startHttpApp, type Platform } from './http-app.js';

@CacheScope('user')
@Injectable()
class Users {
  /** Called while a load is under way. */
  meanwhile: () => Promise<unknown> = async () => {};

  @Cached<Users['get']>({ ttl: '1h', tags: (_, id) => [`user:${id}`], unless: (name) => name === 'nobody' })
  async get(id: number): Promise<string> {
    await this.meanwhile();
    if (id < 0) throw new Error('no such user');
    return id === 0 ? 'nobody' : `user ${id}`;
  }
}

/** Keeps the instance that it makes for an application, so that a test can cut it off. */
class HeldHub extends MemoryHub {
  made: HubInstance | null = null;

  override create(context: Parameters<MemoryHub['create']>[0]): HubInstance {
    this.made = this.instance(context);
    return this.made;
  }
}

const apps: INestApplication[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function open(options: Partial<CacheModuleOptions> = {}, platform: Platform = 'Express') {
  const clock = new HeldClock();
  const app = await startHttpApp(platform, {
    imports: [
      CacheModule.forRoot({
        admin: { public: true, commandsPerMinute: Infinity, clearsPerMinute: Infinity },
        clock,
        ...options,
      }),
    ],
    providers: [Users],
  });
  apps.push(app);
  const server = () => request(app.getHttpServer());
  const explain = async (key = 'user:get:1') => (await server().get('/cache/explain').query({ key }).expect(200)).body;
  const post = (path: string, body: object) => server().post(path).send(body);
  return { app, clock, explain, post, server, users: app.get(Users), cache: app.get(CacheService) };
}

describe.each(PLATFORMS)('explaining a key on %s', (platform) => {
  it('tells where it is, how old, what is left and what would invalidate it, and never its value', async () => {
    const { explain, users, clock } = await open({}, platform);
    expect(await explain()).toMatchObject({ key: 'user:get:1', memory: null, shared: null, tags: [], last_miss: null });
    await users.get(1);
    clock.advance(60_000);
    const told = await explain();
    expect(told.memory).toMatchObject({ servable: true, age_ms: 60_000, fresh_ms: 3_540_000, keep_ms: 3_540_000 });
    expect(told.tags.map(({ tag }: { tag: string }) => tag)).toEqual(['%scope:user', 'user:1']);
    expect(told.last_miss).toMatchObject({ cause: 'cold', by: null });
    expect(told).toMatchObject({ last_invalidation: null, invalidated_by: null });
    expect(JSON.stringify(told)).not.toContain('user 1');
  });

  it.each(['', '?key=', '?key=a&key=b', `?key=${'k'.repeat(1025)}`, '?key=a&value=1', '?id=1'])(
    'refuses %s',
    async (query) => {
      const { server } = await open({}, platform);
      const { body } = await server().get(`/cache/explain${query}`).expect(400);
      expect(body.message).toMatch(/^Expected .*, got .*Ask e\.g\./);
    },
  );
});

describe('why a key was missed last', () => {
  const scoped = { kind: 'tag', target: '%scope:user' };
  it.each<[string, string, object, object]>([
    ['its key', '/invalidate/key', { keys: ['user:get:1'] }, { kind: 'key', target: 'user:get:1' }],
    ['a pattern', '/invalidate/pattern', { pattern: 'user:g*' }, { kind: 'pattern', target: 'user:g*' }],
    ['a pattern of its scope', '/user/cache/revoke', { pattern: 'get:*' }, { kind: 'pattern', target: 'user:get:*' }],
    ['a clear of its scope', '/user/cache/clear', {}, scoped],
  ])('was an invalidation by %s, and the audit row tells who', async (_, path, order, by) => {
    const { explain, users, post } = await open();
    await users.get(1);
    const { body } = await post(path, { ...order, reason: 'stock-taking' }).expect(200);
    const before = await explain();
    expect(before.last_invalidation).toMatchObject({ ...by, request_id: body.request_id });
    expect(before.memory?.servable ?? false).toBe(false);
    await users.get(1);
    const told = await explain();
    expect(told.last_miss).toMatchObject({ cause: 'invalidated', by: { ...by, request_id: body.request_id } });
    expect(told.last_miss.by.position).not.toBe('');
    expect(told.invalidated_by).toMatchObject({
      request_id: body.request_id,
      reason: expect.stringContaining('stock-taking'),
    });
    expect(told.memory.servable).toBe(true);
  });

  it('was a tag, at a position', async () => {
    const { explain, users, cache } = await open();
    await users.get(1);
    const { position, requestId } = await cache.invalidate([InvalidationIntent.tag('user:1')], { actor: 'alice' });
    await users.get(1);
    const told = await explain();
    expect(told.last_miss).toMatchObject({
      cause: 'invalidated',
      by: { kind: 'tag', target: 'user:1', request_id: requestId },
    });
    expect(told.last_miss.by.position).toBe(position);
    expect(told.tags[1]).toEqual({ tag: 'user:1', invalidated_at: position, request_id: requestId });
    expect(told.invalidated_by).toMatchObject({ triggered_by: 'alice', request_id: requestId });
  });

  it('was a flush', async () => {
    const { explain, users, cache } = await open();
    await users.get(1);
    const { requestId } = await cache.invalidate([InvalidationIntent.flush()]);
    await users.get(1);
    expect((await explain()).last_miss).toMatchObject({
      cause: 'invalidated',
      by: { kind: 'all', request_id: requestId },
    });
  });

  it('was its time, the lack of room, a load that was fenced, or one that was not to be kept', async () => {
    const { explain, users, clock, cache } = await open({ backend: memory({ maxEntries: 2 }) });
    await users.get(1);
    clock.advance(3_600_001);
    await users.get(1);
    expect((await explain()).last_miss).toMatchObject({ cause: 'expired', by: null });
    for (const id of [2, 3, 4]) await users.get(id);
    await users.get(1);
    expect((await explain()).last_miss).toMatchObject({ cause: 'evicted', by: null });

    users.meanwhile = () => cache.invalidate([InvalidationIntent.tag('user:7')]);
    await users.get(7);
    users.meanwhile = async () => {};
    await users.get(7);
    expect((await explain('user:get:7')).last_miss).toMatchObject({
      cause: 'fenced',
      by: { kind: 'tag', target: 'user:7' },
    });
    await users.get(0);
    await users.get(0);
    expect((await explain('user:get:0')).last_miss).toMatchObject({ cause: 'not kept', by: null });
    await expect(users.get(-1)).rejects.toThrow('no such user');
    await expect(users.get(-1)).rejects.toThrow('no such user');
    expect((await explain('user:get:-1')).last_miss).toMatchObject({ cause: 'not kept', by: null });
  });

  it('was a shared tier that was away, or its lost history; and what it holds is shown without taking anything', async () => {
    const hub = new HeldHub();
    const { explain, users } = await open({ backend: hub });
    await users.get(1);
    const held = await explain();
    expect(held.shared).toMatchObject({ tier: 'memory-hub', state: 'held', entry: { valid: true, fault: null } });
    expect(held.shared.entry.fresh_ms).toBeGreaterThan(3_000_000);
    hub.made!.cutOff();
    await users.get(2);
    expect((await explain('user:get:2')).last_miss).toMatchObject({ cause: 'tier away' });
    expect((await explain()).shared).toMatchObject({ state: 'away', entry: null });
  });
});
