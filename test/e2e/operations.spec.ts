import { Injectable, type INestApplication } from '@nestjs/common';
import {
  Cached,
  CachedMany,
  CacheModule,
  CacheScope,
  CacheService,
  InMemoryOutboxStore,
  InvalidationIntentBatch,
  memory,
  type CacheModuleOptions,
} from 'nestjs-larder';
import request from 'supertest';
import { HeldClock } from './held-clock.js';
import { PLATFORMS, startHttpApp } from './http-app.js';

const OPEN = { public: true, commandsPerMinute: Infinity, clearsPerMinute: Infinity } as const;

@CacheScope('user')
@Injectable()
class Users {
  loads = 0;
  name = 'old';
  /** How long a load takes, by the held clock. */
  tookMs: (id: number) => number = () => 0;
  clock: HeldClock | null = null;

  @Cached({ ttl: '1h', tags: (_, id) => [`user:${id}`] })
  async get(id: number): Promise<string> {
    this.loads += 1;
    this.clock?.advance(this.tookMs(id));
    return this.name;
  }

  @Cached({ ttl: '1h' })
  async find(query: { name: string }, page: number): Promise<string> {
    this.loads += 1;
    return `${this.name} ${query.name} ${page}`;
  }

  @CachedMany<Users['many']>({ ttl: '1h', id: ({ id }) => id })
  async many(ids: readonly number[]): Promise<{ id: number; name: string }[]> {
    this.loads += 1;
    return ids.map((id) => ({ id, name: this.name }));
  }
}

describe.each(PLATFORMS)('the routes for operators on %s', (platform) => {
  const apps: INestApplication[] = [];
  async function open(options: Partial<CacheModuleOptions> = {}) {
    const app = await startHttpApp(platform, {
      imports: [CacheModule.forRoot({ backend: memory(), admin: OPEN, ...options })],
      providers: [Users],
    });
    apps.push(app);
    const get = (path: string) => request(app.getHttpServer()).get(path);
    const post = (path: string, body: object) => request(app.getHttpServer()).post(path).send(body);
    const users = app.get(Users);
    const loads = async (call: () => Promise<unknown>): Promise<number> => {
      const before = users.loads;
      await call();
      return users.loads - before;
    };
    return { app, get, post, users, loads };
  }
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });

  describe('switches', () => {
    it('switch a scope off and on, and never show what was invalidated meanwhile', async () => {
      const { post, users, loads, get } = await open();
      const calls = [() => users.get(1), () => users.find({ name: 'a' }, 1), () => users.many([1, 2])];
      for (const call of calls) await call();
      for (const call of calls) expect(await loads(call)).toBe(0);
      const { body } = await post('/cache/switches', { scope: 'user', enabled: false, reason: 'wrong names' }).expect(
        200,
      );
      expect(body).toMatchObject({ success: true, scope: 'user', action: null, enabled: false, ttl_ms: null });
      expect(body).toMatchObject({ applies_to: 'this process', reason: 'wrong names' });
      for (const call of [...calls, ...calls]) expect(await loads(call)).toBe(1);
      users.name = 'new';
      await post('/user/cache/delete', { key: 'get:1' }).expect(200);
      await post('/cache/switches', { scope: 'user', enabled: true, reason: 'mended' }).expect(200);
      expect(await users.get(1)).toBe('new');
      expect(await loads(() => users.find({ name: 'a' }, 1))).toBe(0); // nothing has invalidated it
      const figures = (await get('/cache/metrics').expect(200)).body.actions;
      expect(figures.find(({ action }: { action: string }) => action === 'get').bypassed).toBe(2);
    });

    it.each<[string, object]>([
      ['tag', { pattern: 'nothing' }],
      ['scope', { clear: true }],
      ['pattern', { pattern: 'user:g*' }],
    ])('show nothing that was invalidated by %s while the scope was off', async (kind, order) => {
      const { app, post, users } = await open();
      await users.get(1);
      await post('/cache/switches', { scope: 'user', enabled: false, reason: 'x' }).expect(200);
      users.name = 'new';
      if (kind === 'tag')
        await app.get(CacheService).invalidate(new InvalidationIntentBatch().invalidateTag('user:1').intents);
      else if (kind === 'scope') await post('/user/cache/clear', {}).expect(200);
      else await post('/invalidate/pattern', order).expect(200);
      await post('/cache/switches', { scope: 'user', reason: 'x' }).expect(200); // as configured
      expect(await users.get(1)).toBe('new');
    });

    it('know actions of a scope apart; what is said of an action stands before what is said of its scope', async () => {
      const { post, users, loads, get } = await open();
      await post('/cache/switches', { scope: 'user', enabled: false, reason: 'x' }).expect(200);
      await post('/cache/switches', { scope: 'user', action: 'get', enabled: true, reason: 'x' }).expect(200);
      await users.get(1);
      expect(await loads(() => users.get(1))).toBe(0);
      await users.find({ name: 'a' }, 1);
      expect(await loads(() => users.find({ name: 'a' }, 1))).toBe(1);
      const { switches } = (await get('/cache/switches').expect(200)).body;
      expect(switches).toMatchObject([
        { scope: 'user', action: null, enabled: false },
        { scope: 'user', action: 'get', enabled: true },
      ]);
      await post('/cache/switches', { scope: 'user', action: 'get', reason: 'x' }).expect(200);
      await post('/cache/switches', { scope: 'user', reason: 'x' }).expect(200);
      expect((await get('/cache/switches').expect(200)).body.switches).toEqual([]);
      await users.find({ name: 'a' }, 1);
      expect(await loads(() => users.find({ name: 'a' }, 1))).toBe(0);
    });

    it('change a TTL for what is stored from then on', async () => {
      const clock = new HeldClock();
      const { post, users, loads } = await open({ clock });
      await users.get(1);
      await post('/cache/switches', { scope: 'user', action: 'get', ttl: '10s', reason: 'x' }).expect(200);
      await users.get(2);
      clock.advance(11_000);
      expect(await loads(() => users.get(1))).toBe(0);
      expect(await loads(() => users.get(2))).toBe(1);
      await post('/cache/switches', { scope: 'user', action: 'get', ttl: null, reason: 'x' }).expect(200);
      await users.get(3);
      clock.advance(11_000);
      expect(await loads(() => users.get(3))).toBe(0);
    });

    it('hold for reads by hand too, and never for what they write', async () => {
      const { app, post } = await open();
      const cache = app.get(CacheService);
      let loads = 0;
      const read = () => cache.getOrSet('rate', () => (loads += 1));
      await read();
      expect(await read()).toBe(1);
      await post('/cache/switches', { scope: 'app', enabled: false, reason: 'x' }).expect(200);
      expect(await read()).toBe(2);
      expect(cache.get('rate')).toBeUndefined();
      await cache.set('rate', 77);
      await post('/cache/switches', { scope: 'app', enabled: null, reason: 'x' }).expect(200);
      expect(await read()).toBe(77);
    });

    it('are audited with who and why, and tell when they are not', async () => {
      const { post, get } = await open();
      const order = { scope: 'user', enabled: false, ttl: 5, reason: 'wrong names', triggered_by: 'alice' };
      const { body } = await post('/cache/switches', order).expect(200);
      const [row] = (await get('/audit/logs?limit=1').expect(200)).body.logs;
      expect(row).toMatchObject({
        pattern: 'switch: user enabled=false ttl=5000 ms',
        triggered_by: 'alice',
        request_id: body.request_id,
      });
    });

    it.each<[number, object, RegExp]>([
      [404, { scope: 'users', enabled: false, reason: 'x' }, /Expected a scope/],
      [404, { scope: 'user', action: 'got', enabled: false, reason: 'x' }, /find, get, many/],
      [400, { scope: 'user', enabled: false }, /`reason`/],
      [400, { scope: 'user', ttl: 0, reason: 'x' }, /`ttl`/],
      [400, { scope: 'user', ttl: '-1s', reason: 'x' }, /`ttl`/],
      [400, { scope: 'user', ttl: '1000d', reason: 'x' }, /`ttl`/],
      [400, { scope: 'user', enabled: 'no', reason: 'x' }, /`enabled`/],
      [400, { scope: 'user', on: true, reason: 'x' }, /no field `on`/],
    ])('refuse with %d %j', async (status, body, message) => {
      const { post, get } = await open();
      const { body: refusal } = await post('/cache/switches', body).expect(status);
      expect(refusal.message).toMatch(message);
      expect((await get('/cache/switches')).body.switches).toEqual([]);
    });
  });

  describe('the outbox', () => {
    async function withDead(names: readonly string[]) {
      const outbox = new InMemoryOutboxStore();
      for (const name of names)
        await outbox.enqueue('app', `c:${name}`, new InvalidationIntentBatch('rename').invalidateTag(name));
      for (const row of outbox.rows()) await outbox.markFailed(row.id, 'boom', 0, true);
      return { ...(await open({ outbox })), outbox };
    }

    it('shows its backlog, and that the application has none', async () => {
      const { get } = await withDead(['a', 'b']);
      const { body } = await get('/outbox/status').expect(200);
      expect(body).toEqual({
        pending: 0,
        oldest_pending_age_ms: 0,
        dead_letters: 2,
        failed_attempts: 2,
        last_published_at: null,
      });
      const without = await open();
      for (const path of ['/outbox/status', '/outbox/dead-letters']) {
        expect((await without.get(path).expect(404)).body.code).toBe('LARDER_OUTBOX_MISSING');
      }
      await without.post('/outbox/dead-letters/reset', {}).expect(404);
    });

    it('pages through dead rows, each once, with everything but values', async () => {
      const names = Array.from({ length: 7 }, (_, n) => `tag-${n}`);
      const { get } = await withDead(names);
      const seen: { intent: { tag: string } }[] = [];
      let next: string | null = '';
      while (next !== null) {
        const page: { body: { dead_letters: typeof seen; next: string | null } } = await get(
          `/outbox/dead-letters?limit=3${next === '' ? '' : `&after=${next}`}`,
        ).expect(200);
        seen.push(...page.body.dead_letters);
        ({ next } = page.body);
      }
      expect(new Set(seen.map(({ intent }) => intent.tag))).toEqual(new Set(names));
      expect(seen).toHaveLength(7);
      expect(seen[0]).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{64}$/),
        intent: { kind: 'tag', tag: expect.any(String) },
        reason: 'rename',
        attempts: 1,
        last_error: 'boom',
        created_at: expect.any(String),
      });
    });

    it('has dead rows tried again, by id or all, says of which it did not, and records it', async () => {
      const { get, post, outbox } = await withDead(['a', 'b', 'c']);
      const [first] = (await get('/outbox/dead-letters').expect(200)).body.dead_letters;
      const ids = [first.id, 'f'.repeat(64)];
      const { body } = await post('/outbox/dead-letters/reset', { ids, reason: 'mended', triggered_by: 'bob' }).expect(
        200,
      );
      expect(body).toMatchObject({ success: true, reset_count: 1, not_dead: ['f'.repeat(64)] });
      expect(outbox.row(first.id)!.state).not.toBe('dead');
      expect((await get('/outbox/status')).body.dead_letters).toBe(2);
      const [row] = (await get('/audit/logs?limit=50&pattern=reset').expect(200)).body.logs;
      expect(row).toMatchObject({ triggered_by: 'bob', request_id: body.request_id });
      expect((await post('/outbox/dead-letters/reset', {}).expect(200)).body.reset_count).toBe(2);
      expect((await post('/outbox/dead-letters/reset', {}).expect(200)).body.reset_count).toBe(0);
      expect((await get('/cache/metrics')).body.outbox.dead_rows).toBe(0);
    });

    it.each(['limit=0', 'limit=1001', 'after=x', 'page=2'])('refuses ?%s', async (query) => {
      const { get } = await withDead([]);
      expect((await get(`/outbox/dead-letters?${query}`).expect(400)).body.message).toMatch(/^Expected .*, got /);
    });
  });

  describe('the metrics', () => {
    it('count how reads ended, by scope and method', async () => {
      const { get, post, users } = await open();
      for (const id of [1, 1, 1, 2]) await users.get(id);
      await post('/invalidate/key', { keys: ['user:get:1'] }).expect(200);
      await users.get(1);
      const { body } = await get('/cache/metrics').expect(200);
      expect(body).toMatchObject({ hits: 2, misses: 3, hit_rate: 0.4, shared_tier: null, memory: { entries: 2 } });
      expect(body.actions.find(({ action }: { action: string }) => action === 'get')).toMatchObject({
        scope: 'user',
        memory_hits: 2,
        misses: 3,
        loads: 3,
        lookup_ms: { count: 5 },
        source_ms: { count: 3 },
        shared_ms: null,
      });
      expect(body.invalidations).toMatchObject({ applied: 1, failed: 0, intents: { key: 1 } });
      expect(body.log).toMatchObject({ kind: 'memory', lag_ms: 0, lease_left_ms: null });
    });

    it.each([
      [40, true],
      [5, false],
    ])('have a P99 that %d slow lookups among 1,000 move: %s', async (slow, moved) => {
      const clock = new HeldClock();
      const { get, users } = await open({ clock });
      users.clock = clock;
      users.tookMs = (id) => (id < slow ? 400 : 0);
      for (let n = 0; n < 1000; n += 1) await users.get(n % 100); // 100 loads, 900 hits
      const { actions } = (await get('/cache/metrics').expect(200)).body;
      const { lookup_ms } = actions.find(({ action }: { action: string }) => action === 'get');
      expect(lookup_ms.count).toBe(1000);
      expect([lookup_ms.p99 > 250, lookup_ms.p50 < 1, lookup_ms.max]).toEqual([moved, true, 400]);
    });
  });

  it('are closed by default, and each obeys the rate limit and canInvalidate', async () => {
    const { get, post } = await open({
      admin: { token: 'secret', canInvalidate: (_, scope, command) => command !== 'switch' || scope !== 'user' },
    });
    const paths = ['/outbox/status', '/outbox/dead-letters', '/cache/metrics', '/cache/switches'];
    for (const path of paths) await get(path).expect(401);
    for (const path of ['/cache/switches', '/outbox/dead-letters/reset']) await post(path, {}).expect(401);
    const token = { Authorization: 'Bearer secret' };
    await post('/cache/switches', { scope: 'user', enabled: false, reason: 'x' }).set(token).expect(403);
    const answers: number[] = [];
    for (let n = 0; n < 31; n += 1) answers.push((await get('/cache/metrics').set(token)).status);
    expect(answers.slice(-2)).toEqual([200, 429]);
  });

  it('stand where they are told to, or not at all', async () => {
    const moved = await open({ operations: { metricsPath: 'ops/numbers' } });
    await moved.get('/ops/numbers').expect(200);
    await moved.get('/cache/metrics').expect(404);
    const none = await open({ operations: false });
    await none.get('/cache/metrics').expect(404);
    await none.get('/invalidate/metrics').expect(200);
    for (const operations of [{ metricsPath: '/x' }, { nope: 'x' } as never, { metricsPath: 'cache/switches' }]) {
      await expect(open({ operations })).rejects.toMatchObject({ code: 'LARDER_OPTION_INVALID' });
    }
  });
});
