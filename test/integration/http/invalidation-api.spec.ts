import { Injectable } from '@nestjs/common';
import { Cached, CacheHealth, CacheModule, CacheScope, memory, type CacheModuleOptions } from 'nestjs-larder';
import { redis } from 'nestjs-larder/redis';
import { typeormAudit } from 'nestjs-larder/typeorm';
import type { DataSource } from 'typeorm';
import { startRedis } from '../../../launcher/services.mjs';
import { PLATFORMS } from '../../e2e/http-app.js';
import { AUDIT_GRANTS, createDatabase, type TestDatabase, type TestRole } from '../typeorm/database.js';
import { eventually, Instance } from './instance.js';

type RedisServer = Awaited<ReturnType<typeof startRedis>>;

/** The source of truth of all instances. */
const names = new Map<number, string>();

@CacheScope('user')
@Injectable()
class Users {
  @Cached('1h')
  async get(id: number): Promise<string> {
    return names.get(id) ?? 'nobody';
  }
}

describe.each(PLATFORMS)('the invalidation API of three instances on %s, over PostgreSQL and Redis', (platform) => {
  let database: TestDatabase;
  /** What the instances log in as: it may read and append, and owns nothing. */
  let role: TestRole;
  let dataSource: DataSource;
  let server: RedisServer;
  let instances: Instance[];

  async function open(options: Partial<CacheModuleOptions> = {}): Promise<Instance> {
    const instance = await Instance.open(platform, {
      imports: [
        CacheModule.forRoot({
          namespace: 'people',
          backend: redis({ url: server.url, lease: '500ms', retryMax: '200ms', secret: 'a secret of the tests' }),
          audit: typeormAudit({ dataSource: await role.connect(), schema: 'check' }),
          admin: { public: true, commandsPerMinute: Infinity, clearsPerMinute: Infinity },
          ...options,
        }),
      ],
      providers: [Users],
    });
    await eventually('the instance to be up', () => isUp(instance));
    return instance;
  }
  const isUp = ({ app }: Instance): boolean => app.get(CacheHealth).report().status === 'up';
  const usersOf = ({ app }: Instance): Users => app.get(Users);
  const post = (instance: Instance, path: string, body: object) => instance.post(`/invalidate/${path}`, body);
  const get = (instance: Instance, path: string) => instance.get(path);
  const all = (id: number): Promise<string[]> => Promise.all(instances.map((each) => usersOf(each).get(id)));
  const rowsOf = async (requestId: string): Promise<number> => {
    const [{ count }] = await dataSource.query(
      'SELECT count(*)::int AS count FROM invalidation_audit WHERE request_id = $1',
      [requestId],
    );
    return count;
  };

  beforeAll(async () => {
    database = await createDatabase();
    server = await startRedis({ fromEnvironment: false });
    dataSource = await database.connect();
    await typeormAudit({ dataSource }).open();
    role = await database.createRole(...AUDIT_GRANTS);
    instances = [await open(), await open(), await open()];
  }, 120_000);
  afterAll(async () => {
    for (const { app } of instances ?? []) await app.close();
    await server.stop();
    await database.drop();
  });

  it.each<[string, object]>([
    ['key', { keys: ['user:get:1'] }],
    ['pattern', { pattern: 'user:get:1' }],
    ['pattern', { pattern: 'user:*' }],
    ['pattern', { pattern: '*:1' }],
    ['pattern', { pattern: '/^user:GET:[1-3]$/i' }],
    ['pattern', { pattern: 'user:get:1', cache_keys: [] }],
  ])('by %s %j through one is seen by all', async (route, order) => {
    names.set(1, 'old');
    await post(instances[0]!, 'pattern', { pattern: '*' }).expect(200);
    await eventually('all to show the old name', async () => (await all(1)).every((name) => name === 'old'));
    names.set(1, 'new');
    expect(await all(1)).toEqual(['old', 'old', 'old']);
    await post(instances[0]!, route, order).expect(200);
    expect(await usersOf(instances[0]!).get(1)).toBe('new'); // at once
    await eventually('all to show the new name', async () => (await all(1)).every((name) => name === 'new'));
  });

  it('counts and lists what only the shared tier holds, each key once', async () => {
    const [a, b] = instances as [Instance, Instance];
    await post(a, 'pattern', { pattern: '*' }).expect(200);
    for (const id of [1, 2, 3]) await usersOf(b).get(id); // in Redis and in the memory of another instance
    for (const id of [3, 4]) await usersOf(a).get(id); // in Redis and here
    const held = ['user:get:1', 'user:get:2', 'user:get:3', 'user:get:4'];
    const dry = await post(a, 'pattern', { pattern: 'user:get:*', dry_run: true }).expect(200);
    expect(dry.body).toMatchObject({ count: 4, tiers: ['memory', 'redis'], by_tier: { memory: 2, redis: 4 } });
    expect(dry.body).toMatchObject({ complete: true });
    expect(new Set<string>(dry.body.sample)).toEqual(new Set(held));
    const byKeys = await post(a, 'key', { keys: ['user:get:1', 'user:get:9'], dry_run: true }).expect(200);
    expect(byKeys.body).toMatchObject({ count: 1, sample: ['user:get:1'], by_tier: { memory: 0, redis: 1 } });
    expect(byKeys.body.bytes).toBeGreaterThan(0);
    const { body } = await post(a, 'pattern', { pattern: '/^user:get:[1-3]$/' }).expect(200);
    expect(body.invalidated_count).toBe(3);
    expect(new Set<string>(body.matched_keys)).toEqual(new Set(held.slice(0, 3)));
    const after = await post(a, 'pattern', { pattern: '*', dry_run: true }).expect(200);
    expect(after.body).toMatchObject({ count: 1, sample: ['user:get:4'] });
  });

  it('has its row in the database when it is answered', async () => {
    for (let n = 0; n < 20; n += 1) {
      const { body } = await post(instances[n % 3]!, 'key', { keys: [`user:get:${n}`] }).expect(200);
      expect(await rowsOf(body.request_id)).toBe(1);
    }
  });

  it.each<[string, object]>([
    ['key', { keys: ['user:get:1', 'user:get:2'], triggered_by: 'admin' }],
    ['pattern', { pattern: 'user:get:*', triggered_by: 'admin' }],
  ])('is carried out once and answered alike, by %s, under 20 repetitions on two instances', async (route, order) => {
    for (const instance of instances) for (const id of [1, 2, 3]) await usersOf(instance).get(id);
    for (let round = 0; round < 5; round += 1) {
      const body = { ...order, request_id: `${route}-${round}` };
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) => post(instances[n % 2]!, route, body).expect(200)),
      );
      const later = await post(instances[2]!, route, body).expect(200);
      for (const answer of answers) expect(answer.body).toEqual(later.body);
      expect(await rowsOf(body.request_id)).toBe(1);
      const other = route === 'key' ? { keys: ['user:get:9'] } : { pattern: 'user:get:9' };
      for (const instance of instances) {
        await post(instance, route, { ...other, request_id: body.request_id }).expect(409);
      }
      expect(await rowsOf(body.request_id)).toBe(1);
    }
  });

  it('lets one of two that differ win, when they come at once to two instances', async () => {
    for (let round = 0; round < 10; round += 1) {
      const request_id = `race-${round}`;
      const [a, b] = await Promise.all([
        post(instances[0]!, 'key', { keys: ['user:get:1'], request_id }),
        post(instances[1]!, 'key', { keys: ['user:get:2'], request_id }),
      ]);
      expect(new Set([a.status, b.status])).toEqual(new Set([200, 409]));
      const winner = a.status === 200 ? a : b;
      const [{ keys }] = await dataSource.query('SELECT keys FROM invalidation_audit WHERE request_id = $1', [
        request_id,
      ]);
      expect(winner.body.keys).toEqual(keys);
    }
  });

  it('shows the same log everywhere, numbers as numbers, and pages through it', async () => {
    const [first, second] = await Promise.all(
      instances.slice(0, 2).map((instance) => get(instance, '/audit/logs?limit=5').expect(200)),
    );
    expect(second!.body).toEqual(first!.body);
    const { logs, total_count, has_more } = first!.body;
    expect([logs.length, typeof total_count, has_more]).toEqual([5, 'number', true]);
    expect([typeof logs[0].id, typeof logs[0].latency]).toEqual(['number', 'number']);
    const seen = [...logs];
    for (let page = first!.body; page.has_more;) {
      ({ body: page } = await get(instances[2]!, `/audit/logs?limit=50&before_id=${seen.at(-1).id}`).expect(200));
      seen.push(...page.logs);
    }
    expect(seen.map(({ id }) => id)).toEqual(
      Array.from(new Set<number>(seen.map(({ id }) => id))).sort((a, b) => b - a),
    );
    expect(seen).toHaveLength(total_count);
    expect(await typeormAudit({ dataSource }).verify()).toMatchObject({ intact: true, rows: total_count });
  });

  it.each([
    'UPDATE invalidation_audit SET triggered_by = $$x$$',
    'DELETE FROM invalidation_audit',
    'TRUNCATE invalidation_audit',
  ])('keeps the log from %s, as the role of the application and as the owner', async (statement) => {
    await expect((await role.connect()).query(statement)).rejects.toThrow('permission denied');
    await expect(dataSource.query(statement)).rejects.toThrow('append-only');
  });

  it('answers 503 and leaves no row while Redis is away, and carries the same request out when it is back', async () => {
    const [instance] = instances as [Instance];
    await server.kill();
    const dry = await post(instance, 'pattern', { pattern: '*', dry_run: true }).expect(200);
    expect(dry.body).toMatchObject({ tiers: ['memory'], complete: false });
    const order = { keys: ['user:get:1'], request_id: 'while-away' };
    const { body } = await post(instance, 'key', order).expect(503);
    expect(body.message).toMatch(/^Expected .*, got .*Repeat the request/);
    expect(await rowsOf('while-away')).toBe(0);
    expect((await get(instance, '/invalidate/metrics').expect(200)).body.errors).toBeGreaterThan(0);
    await server.restart();
    await eventually('the instance to be up', () => isUp(instance));
    expect((await post(instance, 'key', order).expect(200)).body).toMatchObject({ request_id: 'while-away' });
    expect(await rowsOf('while-away')).toBe(1);
  }, 60_000);

  it('goes on without its audit table, and tells so', async () => {
    const alone = await open({ backend: memory(), namespace: 'alone' });
    instances.push(alone);
    await dataSource.query('ALTER TABLE invalidation_audit RENAME TO put_away');
    const { body } = await post(alone, 'key', { keys: ['user:get:1'], request_id: 'unlogged' }).expect(200);
    expect(body).toMatchObject({ success: true, was_logged: false });
    expect((await get(alone, '/invalidate/metrics').expect(200)).body.errors).toBe(2); // the look-up and the row
    await get(alone, '/audit/logs').expect(503);
    await dataSource.query('ALTER TABLE put_away RENAME TO invalidation_audit');
    expect(
      (await post(alone, 'key', { keys: ['user:get:1'], request_id: 'unlogged' }).expect(200)).body,
    ).not.toHaveProperty('was_logged');
    expect(await rowsOf('unlogged')).toBe(1);
  });
});
