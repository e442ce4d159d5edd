import { Injectable, type INestApplication } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  Cached,
  CacheHealth,
  CacheInvalidations,
  CacheService,
  InvalidationIntent,
  CacheModule,
  CacheScope,
  InvalidationIntentBatch,
} from 'nestjs-larder';
import { redis } from 'nestjs-larder/redis';
import { typeormAudit, typeormOutbox } from 'nestjs-larder/typeorm';
import { setTimeout as sleep } from 'node:timers/promises';
import request from 'supertest';
import type { DataSource } from 'typeorm';
import { startRedis } from '../../../launcher/services.mjs';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';

@CacheScope('user')
@Injectable()
class Users {
  loads = 0;

  @Cached<Users['get']>({ ttl: '1h', tags: (_, id) => [`user:${id}`] })
  async get(id: number): Promise<string> {
    this.loads += 1;
    return `user ${id}`;
  }
}

interface Instance {
  readonly app: INestApplication;
  readonly users: Users;
}

async function eventually(what: string, happened: () => boolean | Promise<boolean>): Promise<void> {
  const until = Date.now() + 20_000;
  while (!(await happened())) {
    if (Date.now() > until) throw new Error(`expected ${what} within 20 s`);
    await sleep(10);
  }
}

describe('the routes for operators of three instances, over PostgreSQL and Redis', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let server: Awaited<ReturnType<typeof startRedis>>;
  let instances: Instance[];

  async function open(fastify: boolean): Promise<Instance> {
    const own = await database.connect();
    const module = await Test.createTestingModule({
      imports: [
        CacheModule.forRoot({
          namespace: 'people',
          backend: redis({
            url: server.url,
            lease: '500ms',
            retryMax: '200ms',
            readTimeout: 5,
            secret: 'of the tests',
          }),
          audit: typeormAudit({ dataSource: own }),
          outbox: typeormOutbox({ dataSource: own }),
          anchor: false,
          outboxWorker: { maxAttempts: 1, pollIntervalMs: 50, backoffMs: 50 },
          admin: { public: true, commandsPerMinute: Infinity },
        }),
      ],
      providers: [Users],
    }).compile();
    const app = fastify
      ? module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false })
      : module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    await eventually('the instance to be up', () => app.get(CacheHealth).report().log.state === 'live');
    return { app, users: app.get(Users) };
  }
  const post = ({ app }: Instance, path: string, body: object) => request(app.getHttpServer()).post(path).send(body);
  const get = ({ app }: Instance, path: string) => request(app.getHttpServer()).get(path);
  const isCached = async ({ users }: Instance): Promise<boolean> => {
    await users.get(1);
    const before = users.loads;
    await users.get(1);
    return users.loads === before;
  };
  const switched = async (instance: Instance): Promise<number> =>
    (await get(instance, '/cache/switches').expect(200)).body.switches.length;

  beforeAll(async () => {
    database = await createDatabase();
    server = await startRedis({ fromEnvironment: false });
    dataSource = await database.connect();
    instances = [await open(false), await open(true), await open(false)];
  }, 120_000);
  afterAll(async () => {
    for (const { app } of instances ?? []) await app.close();
    await server.stop();
    await database.drop();
  });

  it('switch for all, also for those that start later, and back again', async () => {
    const { body } = await post(instances[1]!, '/cache/switches', {
      scope: 'user',
      enabled: false,
      reason: 'wrong names',
      triggered_by: 'alice',
    }).expect(200);
    expect(body.applies_to).toBe('all instances');
    const [row] = await dataSource.query('SELECT * FROM invalidation_audit WHERE request_id = $1', [body.request_id]);
    expect(row).toMatchObject({ triggered_by: 'alice', pattern: expect.stringMatching(/^switch: user enabled=false/) });
    for (const instance of instances) {
      await eventually('the switch to arrive', async () => !(await isCached(instance)));
    }
    const late = await open(false);
    instances.push(late);
    await eventually('a late instance to know the switch', async () => !(await isCached(late)));
    await post(instances[2]!, '/cache/switches', { scope: 'user', reason: 'mended' }).expect(200);
    for (const instance of instances) await eventually('the switch to leave', () => isCached(instance));
    await instances.pop()!.app.close();
  });

  it('keep what is switched off switched off when Redis comes back without its past', async () => {
    await post(instances[0]!, '/cache/switches', { scope: 'user', enabled: false, reason: 'x' }).expect(200);
    for (const instance of instances) await eventually('the switch', async () => (await switched(instance)) === 1);
    await server.kill();
    const refused = await post(instances[0]!, '/cache/switches', { scope: 'user', reason: 'x' }).expect(503);
    expect(refused.body.message).toMatch(/^Expected .*, got .*Repeat the request/);
    await server.restart(); // it keeps nothing
    for (const { app } of instances) {
      await eventually('Redis to be back', () => app.get(CacheHealth).report().log.state === 'live');
    }
    const late = await open(true);
    instances.push(late);
    await eventually('the switch to be written again', async () => (await switched(late)) === 1);
    for (const instance of instances) expect(await isCached(instance)).toBe(false);
    await post(late, '/cache/switches', { scope: 'user', reason: 'x' }).expect(200);
    for (const instance of instances) await eventually('the switch to leave', () => isCached(instance));
    await instances.pop()!.app.close();
  }, 60_000);

  it('explain on every instance who invalidated a key, where, and what Redis holds of it', async () => {
    const [a, b] = instances as [Instance, Instance];
    const explain = async (instance: Instance) =>
      (await get(instance, '/cache/explain?key=user:get:5').expect(200)).body;
    for (const { users } of instances) await users.get(5);
    const held = await explain(b);
    expect(held.shared).toMatchObject({ tier: 'redis', state: 'held', entry: { valid: true } });
    const { requestId, position } = await a.app
      .get(CacheService)
      .invalidate([InvalidationIntent.tag('user:5')], { actor: 'alice', reason: 'renamed' });
    await eventually('the news to arrive', async () => (await explain(b)).last_invalidation !== null);
    expect((await explain(b)).shared.entry).toMatchObject({ valid: false, fault: 'tag' });
    await b.users.get(5);
    const told = await explain(b);
    expect(told.last_miss).toMatchObject({ cause: 'invalidated', by: { kind: 'tag', target: 'user:5', position } });
    expect(told.invalidated_by).toMatchObject({ triggered_by: 'alice', reason: 'renamed', request_id: requestId });
    const late = await open(true); // it has seen nothing of it
    instances.push(late);
    await late.users.get(5);
    const later = await explain(late);
    expect(later.tags[1].invalidated_at).not.toBeNull();
    expect(position.startsWith(later.tags[1].invalidated_at)).toBe(true);
    expect(later.invalidated_by).toMatchObject({ triggered_by: 'alice', request_id: requestId });
    await instances.pop()!.app.close();
  });

  it('explain that Redis was away, and that it came back with another history', async () => {
    const [a] = instances as [Instance];
    const explain = async (key: string) => (await get(a, `/cache/explain?key=${key}`).expect(200)).body;
    await a.users.get(6);
    await server.kill();
    await eventually('Redis to be missed', async () => (await explain('x')).shared.state === 'away');
    await a.users.get(7);
    expect((await explain('user:get:7')).last_miss.cause).toBe('tier away');
    await server.restart();
    await eventually('Redis to be back', () => a.app.get(CacheHealth).report().log.state === 'live');
    await a.users.get(6);
    expect((await explain('user:get:6')).last_miss.cause).toBe('other history');
  }, 60_000);

  it('show a row that cannot be applied, and apply it once it is mended and reset', async () => {
    const [a, b] = instances as [Instance, Instance];
    const { commitPosition } = await a.app
      .get(CacheInvalidations)
      .record(new InvalidationIntentBatch('rename').invalidateTag('user:1'));
    await eventually('the row to be published', async () => (await get(b, '/outbox/status')).body.pending === 0);
    const spoilt = `UPDATE hydracache_invalidation_outbox
      SET state = 'pending', published_at_ms = NULL, payload_json = NULL, cache_tag = NULL WHERE commit_position = $1`;
    await dataSource.query(spoilt, [commitPosition.asStr()]);
    await eventually('the row to be dead', async () => (await get(b, '/outbox/status')).body.dead_letters === 1);
    const { dead_letters } = (await get(b, '/outbox/dead-letters').expect(200)).body;
    expect(dead_letters).toMatchObject([{ reason: 'rename', last_error: expect.stringMatching(/./) }]);
    const mended = `UPDATE hydracache_invalidation_outbox
      SET cache_tag = 'user:1', payload_json = NULL WHERE commit_position = $1`;
    await dataSource.query(mended, [commitPosition.asStr()]);
    const ids = [dead_letters[0].id];
    expect((await post(a, '/outbox/dead-letters/reset', { ids, reason: 'mended' }).expect(200)).body).toMatchObject({
      reset_count: 1,
      not_dead: [],
    });
    await eventually('the row to be applied', async () => {
      const { body } = await get(a, '/outbox/status');
      return body.pending === 0 && body.dead_letters === 0;
    });
    expect((await post(b, '/outbox/dead-letters/reset', { ids }).expect(200)).body).toMatchObject({
      reset_count: 0,
      not_dead: ids,
    });
  });

  it('tell that the database is away, and that it is back', async () => {
    const [a] = instances as [Instance];
    await dataSource.query('ALTER TABLE hydracache_invalidation_outbox RENAME TO put_away');
    expect((await get(a, '/outbox/status').expect(503)).body.code).toBe('LARDER_OUTBOX_UNAVAILABLE');
    await get(a, '/cache/metrics').expect(200);
    await dataSource.query('ALTER TABLE put_away RENAME TO hydracache_invalidation_outbox');
    await get(a, '/outbox/status').expect(200);
  });
});
