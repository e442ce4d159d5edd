import { Injectable, type INestApplication } from '@nestjs/common';
import {
  AuditStore,
  Cached,
  CacheModule,
  CacheScope,
  CacheService,
  InMemoryAuditStore,
  InvalidationStatistics,
  type CacheModuleOptions,
} from 'nestjs-larder';
import request from 'supertest';
import { PLATFORMS, startHttpApp, type HttpAppOptions } from './http-app.js';

@CacheScope('user')
@Injectable()
class UserService {
  calls = 0;

  @Cached(60)
  async get(id: number): Promise<string> {
    this.calls += 1;
    return `user ${id}`;
  }
}

/** Refuses rows, or to show them, from a moment on. */
class FailingAuditStore extends InMemoryAuditStore {
  failing = false;
  unreadable = false;

  override async append(...entry: Parameters<AuditStore['append']>): ReturnType<AuditStore['append']> {
    if (this.failing) throw new Error('the disk is full');
    return super.append(...entry);
  }

  override async list(...query: Parameters<AuditStore['list']>): ReturnType<AuditStore['list']> {
    if (this.unreadable) throw new Error('connection refused');
    return super.list(...query);
  }
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const PROFILES = ['user:123:profile', 'user:123:settings', 'user:456:profile'];

describe.each(PLATFORMS)('the invalidation API on %s', (platform) => {
  let app: INestApplication;
  let users: UserService;
  let audit: FailingAuditStore;

  async function start(options: CacheModuleOptions = {}, more: HttpAppOptions = {}) {
    audit = new FailingAuditStore();
    const root = CacheModule.forRoot({ audit, ...options });
    app = await startHttpApp(platform, { imports: [root], providers: [UserService] }, more);
    users = app.get(UserService);
  }
  const post = (path: string, body: object) => request(app.getHttpServer()).post(path).send(body);
  const get = (path: string) => request(app.getHttpServer()).get(path);
  const rows = async (): Promise<number> => (await audit.list()).totalCount;

  afterEach(() => app.close());

  describe('as in the description of the service', () => {
    beforeEach(() => start());

    it('invalidates keys', async () => {
      await users.get(123);
      const order = {
        keys: ['user:get:123', 'user:456', 'user:get:123'],
        triggered_by: 'admin',
        request_id: 'req-001',
      };
      const { body, headers } = await post('/invalidate/key', order).expect(200);
      expect(body).toEqual({
        success: true,
        invalidated_count: 2,
        keys: ['user:get:123', 'user:456'],
        request_id: 'req-001',
        published_at: expect.stringMatching(ISO),
      });
      expect(headers['cache-control']).toBe('no-store');
      await users.get(123);
      expect(users.calls).toBe(2);
      const [row] = (await audit.list()).records;
      expect(row).toMatchObject({
        pattern: '["user:get:123","user:456"]',
        keys: ['user:get:123', 'user:456'],
        triggeredBy: 'admin',
        requestId: 'req-001',
        namespace: 'app',
      });
    });

    it('invalidates by pattern, and reports on the keys that were given, in their order', async () => {
      const order = { pattern: 'user:123:*', triggered_by: 'cache_manager', cache_keys: PROFILES };
      const { body } = await post('/invalidate/pattern', order).expect(200);
      expect(body).toEqual({
        success: true,
        pattern: 'user:123:*',
        matched_keys: ['user:123:profile', 'user:123:settings'],
        invalidated_count: 2,
        request_id: expect.stringMatching(/^inv-\d{13}-\d+$/),
        published_at: expect.stringMatching(ISO),
      });
    });

    it('shows the audit log', async () => {
      await post('/invalidate/key', { keys: ['user:1'], request_id: 'a' }).expect(200);
      await post('/invalidate/pattern', { pattern: '*:2', triggered_by: 'admin', request_id: 'b' }).expect(200);
      const { body } = await get('/audit/logs?limit=50&offset=0').expect(200);
      expect(body).toEqual({
        logs: [
          {
            id: 2,
            pattern: '*:2',
            keys: [],
            triggered_by: 'admin',
            timestamp: expect.stringMatching(ISO),
            request_id: 'b',
            latency: expect.any(Number),
          },
          {
            id: 1,
            pattern: 'user:1',
            keys: ['user:1'],
            triggered_by: 'unknown',
            timestamp: expect.stringMatching(ISO),
            request_id: 'a',
            latency: expect.any(Number),
          },
        ],
        total_count: 2,
        has_more: false,
      });
    });

    it('shows the metrics', async () => {
      const { body: before } = await get('/invalidate/metrics').expect(200);
      expect(before).toEqual({
        total_invalidations: 0,
        key_invalidations: 0,
        pattern_invalidations: 0,
        audit_writes: 0,
        pubsub_publishes: 0,
        errors: 0,
        pattern_invalidation_ratio: 0,
        refusals: 0,
        latency_ms: null,
      });
      for (const id of [1, 2, 3]) await post('/invalidate/key', { keys: [`user:${id}`] }).expect(200);
      await post('/invalidate/pattern', { pattern: 'user:*' }).expect(200);
      await app.get(CacheService).clear(); // neither by key nor by pattern
      const { body } = await get('/invalidate/metrics').expect(200);
      expect(body).toMatchObject({
        total_invalidations: 5,
        key_invalidations: 3,
        pattern_invalidations: 1,
        audit_writes: 5,
        pubsub_publishes: 5,
        errors: 0,
        pattern_invalidation_ratio: 0.2,
        latency_ms: { p50: expect.any(Number), p99: expect.any(Number) },
      });
      expect(body.latency_ms.p50).toBeLessThanOrEqual(body.latency_ms.max);
      expect(app.get(InvalidationStatistics).figures().totalInvalidations).toBe(5);
    });

    it('gives every request an id of its own', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => post('/invalidate/key', { keys: ['user:1'] }).expect(200)),
      );
      const ids = answers.map(({ body }) => body.request_id);
      expect(new Set(ids).size).toBe(20);
      expect(await rows()).toBe(20);
    });
  });

  describe('matches what this instance holds where no keys are given', () => {
    beforeEach(() => start());
    const fill = async (count: number) => {
      for (let id = 1; id <= count; id += 1) await users.get(id);
    };

    it.each([
      ['user:get:2', 1],
      ['user:get:1*', 4],
      ['*:2', 1],
      ['*get:1*', 4],
      ['user:*:12', 1],
      ['*', 12],
      ['^user:get:[12]$', 2],
      ['/GET:\\d+/i', 12],
      ['order:*', 0],
    ])('%s: %d', async (pattern, count) => {
      await fill(12);
      const { body } = await post('/invalidate/pattern', { pattern }).expect(200);
      expect(body.invalidated_count).toBe(count);
      expect(body.matched_keys).toHaveLength(count);
      await fill(12);
      expect(users.calls).toBe(12 + count);
      expect((await audit.list()).records[0]).toMatchObject({ pattern, keys: body.matched_keys, keyCount: count });
    });

    it('lists 1,000 keys and counts the others, also when the request is repeated', async () => {
      await fill(1_200);
      const order = { pattern: 'user:get:*', request_id: 'many' };
      const { body } = await post('/invalidate/pattern', order).expect(200);
      expect([body.matched_keys.length, body.invalidated_count]).toEqual([1_000, 1_200]);
      expect((await post('/invalidate/pattern', order).expect(200)).body).toEqual(body);
    });

    it('invalidates what matches and was not among the given keys', async () => {
      await fill(2);
      const order = { pattern: 'user:get:*', cache_keys: ['user:get:1', 'order:1'] };
      const { body } = await post('/invalidate/pattern', order).expect(200);
      expect(body).toMatchObject({ matched_keys: ['user:get:1'], invalidated_count: 1 });
      await fill(2);
      expect(users.calls).toBe(4);
    });
  });

  describe('tells what would die', () => {
    beforeEach(async () => {
      await start();
      for (const id of [1, 2, 3]) await users.get(id);
    });

    it.each([
      ['key', { keys: ['user:get:1', 'user:get:2', 'user:get:9'] }, 2],
      ['pattern', { pattern: 'user:get:*' }, 3],
      ['pattern', { pattern: 'user:get:*', cache_keys: ['user:get:1', 'user:get:8', 'order:get:1'] }, 1],
    ])('by %s %j and does nothing', async (route, order, count) => {
      const asked = { ...order, dry_run: true, request_id: 'dry' };
      const { body } = await post(`/invalidate/${route}`, asked).expect(200);
      const sample = Array.from({ length: count }, (_, i) => `user:get:${i + 1}`);
      const subject = 'keys' in order ? { keys: order.keys } : { pattern: order.pattern };
      expect(body).toEqual({
        success: true,
        dry_run: true,
        ...subject,
        count,
        sample,
        bytes: expect.any(Number),
        tiers: ['memory'],
        by_tier: { memory: count },
        complete: true,
      });
      expect(body.bytes).toBeGreaterThan(count * 8);
      for (const id of [1, 2, 3]) await users.get(id);
      expect(users.calls).toBe(3);
      expect(await rows()).toBe(0);
    });
  });

  describe('carries out a request once', () => {
    beforeEach(() => start());
    const orders: [string, Record<string, unknown>][] = [
      ['key', { keys: ['user:get:1', 'user:get:2'], triggered_by: 'admin' }],
      ['pattern', { pattern: 'user:get:*', triggered_by: 'admin' }],
      ['pattern', { pattern: 'user:123:*', cache_keys: PROFILES, triggered_by: 'admin' }],
    ];

    it.each(orders)('by %s %j, also under 20 repetitions at once', async (route, order) => {
      for (const id of [1, 2, 3]) await users.get(id);
      const body = { ...order, request_id: 'same' };
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => post(`/invalidate/${route}`, body).expect(200)),
      );
      const later = await post(`/invalidate/${route}`, body).expect(200);
      expect(later.body.invalidated_count).toBeGreaterThan(0);
      for (const answer of answers) expect(answer.body).toEqual(later.body);
      expect(await rows()).toBe(1);
      expect(app.get(InvalidationStatistics).figures().totalInvalidations).toBe(1);
    });

    it.each(orders)('by %s %j, and refuses the id for anything else', async (route, order) => {
      await post(`/invalidate/${route}`, { ...order, request_id: 'same' }).expect(200);
      await users.get(7);
      const others: [string, object][] = [
        ['key', { keys: ['user:get:7'] }],
        ['pattern', { pattern: 'user:get:7' }],
        ['pattern', { pattern: 'user:123:*', cache_keys: PROFILES.slice(1) }],
        [route, { ...order, triggered_by: 'somebody else' }],
        [route, { ...order, reason: 'another' }],
      ];
      for (const [other, changed] of others) {
        const { body } = await post(`/invalidate/${other}`, { ...changed, request_id: 'same' }).expect(409);
        expect(body).toMatchObject({ success: false, code: 'LARDER_REQUEST_CONFLICT', field: 'request_id' });
      }
      await users.get(7);
      expect(users.calls).toBe(1);
      expect(await rows()).toBe(1);
    });

    it('at the same moment for two that differ: one is carried out, one refused', async () => {
      const [a, b] = await Promise.all([
        post('/invalidate/key', { keys: ['user:a'], request_id: 'same' }),
        post('/invalidate/key', { keys: ['user:b'], request_id: 'same' }),
      ]);
      expect(new Set([a.status, b.status])).toEqual(new Set([200, 409]));
      expect(await rows()).toBe(1);
    });
  });

  it('goes on where the audit fails, and tells so', async () => {
    await start();
    await users.get(1);
    audit.failing = true;
    const { body } = await post('/invalidate/key', { keys: ['user:get:1'], request_id: 'r' }).expect(200);
    expect(body).toMatchObject({ success: true, invalidated_count: 1, was_logged: false });
    await users.get(1);
    expect(users.calls).toBe(2);
    expect((await get('/invalidate/metrics').expect(200)).body).toMatchObject({ errors: 1, audit_writes: 0 });
    audit.failing = false;
    expect(
      (await post('/invalidate/key', { keys: ['user:get:1'], request_id: 'r' }).expect(200)).body,
    ).not.toHaveProperty('was_logged');
  });

  describe('pages the audit log', () => {
    beforeEach(async () => {
      await start({ admin: { commandsPerMinute: Infinity } });
      for (const n of [1, 2, 3, 4, 5]) await post('/invalidate/key', { keys: [`user:${n}`], request_id: `r${n}` });
    });
    const ids = async (query: string) => {
      const { body } = await get(`/audit/logs${query}`).expect(200);
      return [body.logs.map((log: { request_id: string }) => log.request_id), body.total_count, body.has_more];
    };

    it('by limit and offset, by the last id seen, and by text in the pattern', async () => {
      expect(await ids('')).toEqual([['r5', 'r4', 'r3', 'r2', 'r1'], 5, false]);
      expect(await ids('?limit=2&offset=1')).toEqual([['r4', 'r3'], 5, true]);
      expect(await ids('?limit=2&offset=-7')).toEqual([['r5', 'r4'], 5, true]);
      expect(await ids('?before_id=3')).toEqual([['r2', 'r1'], 5, false]);
      expect(await ids('?pattern=r:4')).toEqual([['r4'], 1, false]);
      expect(await ids('?pattern=%25')).toEqual([[], 0, false]);
    });

    it.each([
      ['limit=0', 'limit', '1 to 1000'],
      ['limit=1001', 'limit', '1 to 1000'],
      ['limit=ten', 'limit', '"ten"'],
      ['limit=1&limit=2', 'limit', 'an array'],
      ['offset=1.5', 'offset', '"1.5"'],
      ['offset=100001', 'offset', '`?before_id=`'],
      ['before_id=0', 'before_id', 'from 1'],
      [`pattern=${'p'.repeat(1001)}`, 'pattern', '1000 characters'],
      ['page=2', 'page', 'no parameter `page`'],
    ])('and refuses %s', async (query, field, message) => {
      const { body } = await get(`/audit/logs?${query}`).expect(400);
      expect(body).toMatchObject({ success: false, code: 'LARDER_REQUEST_INVALID', field });
      expect(body.message).toContain(message);
    });
  });

  it('answers 503 where the audit cannot be read', async () => {
    await start();
    audit.unreadable = true;
    const { body } = await get('/audit/logs').expect(503);
    expect(body).toMatchObject({ code: 'LARDER_AUDIT_UNAVAILABLE' });
    expect(body.message).not.toContain('connection');
  });

  it('shows only the rows of its own namespace', async () => {
    await start();
    await audit.append({
      namespace: 'other',
      pattern: 'secret',
      keys: [],
      triggeredBy: 'x',
      timestampMs: 0,
      requestId: 'r',
      latencyMs: 0,
    });
    expect((await get('/audit/logs').expect(200)).body).toEqual({ logs: [], total_count: 0, has_more: false });
    await post('/invalidate/key', { keys: ['user:1'], request_id: 'r' }).expect(200);
  });

  describe('refuses', () => {
    beforeEach(() => start());
    const key = 'k'.repeat(1025);

    it.each<[string, object, string, string]>([
      ['key', {}, 'keys', 'undefined'],
      ['key', { keys: [] }, 'keys', 'a list of 1 to 1000 keys, got an array of 0'],
      ['key', { keys: 'user:1' }, 'keys', '"user:1"'],
      ['key', { keys: ['a', 7] }, 'keys', '`keys[1]` to be non-empty'],
      ['key', { keys: [''] }, 'keys', '`keys[0]`'],
      ['key', { keys: [key] }, 'keys', '1025 characters'],
      ['key', { keys: ['\ud800'] }, 'keys', 'well-formed'],
      ['key', { keys: Array.from({ length: 1001 }, (_, n) => `k${n}`) }, 'keys', 'an array of 1001'],
      ['key', { keys: ['a'], request_id: 'with space' }, 'request_id', 'visible ASCII'],
      ['key', { keys: ['a'], request_id: '' }, 'request_id', '""'],
      ['key', { keys: ['a'], triggered_by: 7 }, 'triggered_by', '7'],
      ['key', { keys: ['a'], triggered_by: 'a\u0000b' }, 'triggered_by', 'printable'],
      ['key', { keys: ['a'], dry_run: 'yes' }, 'dry_run', 'true or false'],
      ['key', { keys: ['a'], pattern: '*' }, 'pattern', 'no field `pattern`'],
      ['key', [], '', 'a JSON object'],
      ['pattern', {}, 'pattern', 'undefined'],
      ['pattern', { pattern: '' }, 'pattern', '""'],
      ['pattern', { pattern: 'p'.repeat(1001) }, 'pattern', '1001 characters'],
      ['pattern', { pattern: '^user:[' }, 'pattern', 'missing closing ]'],
      ['pattern', { pattern: '/(?=a)/' }, 'pattern', 'no look-around'],
      ['pattern', { pattern: '*', cache_keys: ['a', null] }, 'cache_keys', '`cache_keys[1]`'],
      ['pattern', { pattern: '*', cache_keys: Array.from({ length: 10_001 }, () => 'k') }, 'cache_keys', '10001'],
    ])('%s %j', async (route, order, field, message) => {
      const { body } = await post(`/invalidate/${route}`, order).expect(400);
      expect(body).toMatchObject({ success: false, statusCode: 400 });
      expect(body.field ?? '').toBe(field);
      expect(body.message).toContain(message);
      expect(body.message).toMatch(/^Expected .*, got |^Expected no field/s);
      expect(await rows()).toBe(0);
    });

    it('what is no JSON', async () => {
      for (const route of ['/invalidate/key', '/invalidate/pattern']) {
        const sent = request(app.getHttpServer()).post(route).set('Content-Type', 'text/plain').send('{"keys":["a"]}');
        expect((await sent.expect(415)).body.message).toContain('application/json');
      }
    });

    it('a body above 64 KiB, whether its length was announced or not', async () => {
      const order = { pattern: 'user:*', cache_keys: Array.from({ length: 70 }, (_, n) => `${n}`.padEnd(1000, 'k')) };
      expect((await post('/invalidate/pattern', order).expect(413)).body.message).toContain('at most 65536 bytes');
      const chunked = request(app.getHttpServer()).post('/invalidate/pattern').set('Content-Type', 'application/json');
      chunked.set('Transfer-Encoding', 'chunked').write(JSON.stringify(order));
      expect((await chunked.expect(413)).body.message).toContain('at most 65536 bytes');
    });

    it('to answer to another method', async () => {
      await get('/invalidate/key').expect(404);
      await request(app.getHttpServer()).post('/audit/logs').expect(404);
    });
  });

  describe('stands where it is told to', () => {
    it('below a global prefix, under other paths', async () => {
      const invalidationApi = { keyPath: 'ops/cache/keys', logsPath: 'ops/cache/log' };
      await start({ invalidationApi }, { configure: (known) => void known.setGlobalPrefix('api') });
      await post('/api/ops/cache/keys', { keys: ['user:1'] }).expect(200);
      await post('/api/invalidate/pattern', { pattern: 'user:1' }).expect(200);
      expect((await get('/api/ops/cache/log').expect(200)).body.total_count).toBe(2);
      await post('/api/invalidate/key', { keys: ['user:1'] }).expect(404);
      await post('/ops/cache/keys', { keys: ['user:1'] }).expect(404);
    });

    it('or nowhere', async () => {
      await start({ invalidationApi: false });
      await post('/invalidate/key', { keys: ['user:1'] }).expect(404);
      await get('/audit/logs').expect(404);
      await post('/user/cache/clear', {}).expect(200);
    });

    it('or nowhere, because the admin routes are closed for good', async () => {
      await start({ admin: false });
      await post('/invalidate/key', { keys: ['user:1'] }).expect(404);
      await get('/invalidate/metrics').expect(404);
    });
  });
});

describe('the options of the invalidation API', () => {
  it.each<[string, unknown]>([
    ['invalidationApi.keyPath', { keyPath: '/invalidate' }],
    ['invalidationApi.keyPath', { keyPath: '' }],
    ['invalidationApi.logsPath', { logsPath: 'a/:id' }],
    ['invalidationApi.metricsPath', { metricsPath: 'audit/logs' }],
    ['invalidationApi.patternPath', { keyPath: 'a', patternPath: 'a' }],
    ['invalidationApi', { path: 'a' }],
  ])('stop the boot at %s for %j', (field, invalidationApi) => {
    expect(() => CacheModule.forRoot({ invalidationApi: invalidationApi as object })).toThrow(
      expect.objectContaining({ code: 'LARDER_OPTION_INVALID', message: expect.stringContaining(`\`${field}\``) }),
    );
  });

  it('stand beside a factory, never in what it makes', async () => {
    const made = CacheModule.forRootAsync({ useFactory: () => ({ invalidationApi: false as const }) });
    await expect(startHttpApp('Express', { imports: [made] })).rejects.toMatchObject({
      code: 'LARDER_OPTION_INVALID',
      message: expect.stringContaining('invalidationApi'),
    });
    const beside = CacheModule.forRootAsync({ useFactory: () => ({}), invalidationApi: { keyPath: 'drop' } });
    const app = await startHttpApp('Express', { imports: [beside] });
    await request(app.getHttpServer())
      .post('/drop')
      .send({ keys: ['a'] })
      .expect(200);
    await app.close();
  });
});
