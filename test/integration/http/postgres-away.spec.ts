import { Controller, Get, Injectable } from '@nestjs/common';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Cached, CacheHealth, CacheModule, CacheScope } from 'nestjs-larder';
import { CacheHealthIndicator } from 'nestjs-larder/health';
import { redis } from 'nestjs-larder/redis';
import { typeormAudit, typeormOutbox } from 'nestjs-larder/typeorm';
import { DataSource } from 'typeorm';
import { startPostgres, startRedis } from '../../../launcher/services.mjs';
import { PLATFORMS } from '../../e2e/http-app.js';
import { eventually, Instance } from './instance.js';

type Postgres = Awaited<ReturnType<typeof startPostgres>>;

/** The source of truth of all instances. */
let name = '';

@CacheScope('user')
@Injectable()
class Users {
  @Cached('1h')
  async get(_id: number): Promise<string> {
    return name;
  }
}

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly cache: CacheHealthIndicator,
  ) {}

  @Get()
  check() {
    return this.health.check([() => this.cache.tier(), () => this.cache.outbox(), () => this.cache.audit()]);
  }
}

/** How PostgreSQL goes away, and what makes it come back. */
const OUTAGES: readonly [
  string,
  (server: Postgres) => Promise<void> | void,
  (server: Postgres) => Promise<void> | void,
][] = [
  ['is killed', (server) => server.kill(), (server) => server.restart()],
  ['is shut down', (server) => server.kill('SIGINT'), (server) => server.restart()],
  ['hangs', (server) => server.pause(), (server) => server.resume()],
];

describe.each(PLATFORMS)('the invalidation API of three instances on %s while PostgreSQL', (platform) => {
  let postgres: Postgres;
  let server: Awaited<ReturnType<typeof startRedis>>;
  let instances: Instance[] = [];
  const dataSources: DataSource[] = [];

  async function connect(): Promise<DataSource> {
    const dataSource = await new DataSource({ type: 'postgres', url: postgres.url }).initialize();
    dataSources.push(dataSource);
    return dataSource;
  }
  async function open(): Promise<Instance> {
    const dataSource = await connect();
    const instance = await Instance.open(platform, {
      imports: [
        CacheModule.forRoot({
          namespace: 'people',
          backend: redis({ url: server.url, lease: '500ms', retryMax: '200ms' }),
          audit: typeormAudit({ dataSource }),
          outbox: typeormOutbox({ dataSource }),
          anchor: false,
          outboxWorker: { pollIntervalMs: 50, backoffMs: 50 },
          admin: { public: true, commandsPerMinute: Infinity },
        }),
        TerminusModule,
      ],
      controllers: [HealthController],
      providers: [Users, CacheHealthIndicator],
    });
    await eventually('the instance to be up', () => instance.app.get(CacheHealth).report().status === 'up');
    return instance;
  }
  const all = (): Promise<string[]> => Promise.all(instances.map(({ app }) => app.get(Users).get(1)));
  const allShow = (wanted: string) => async () => (await all()).every((each) => each === wanted);
  const healthOf = async (instance: Instance) => {
    const { status, body } = await instance.get('/health');
    return { code: status, ...body.details };
  };
  const figuresOf = async (instance: Instance) => (await instance.get('/invalidate/metrics').expect(200)).body;

  beforeAll(async () => {
    postgres = await startPostgres({ fromEnvironment: false });
    server = await startRedis({ fromEnvironment: false });
    instances = [await open(), await open(), await open()];
  }, 120_000);
  afterAll(async () => {
    for (const { app } of instances) await app.close();
    for (const dataSource of dataSources.splice(0)) await dataSource.destroy();
    instances = [];
    await server?.stop();
    await postgres?.stop();
  }, 60_000);

  it.each(OUTAGES)(
    '%s invalidates on all, tells that no row stands, and writes rows again by itself afterwards',
    async (how, goAway, comeBack) => {
      const [instance, other] = instances as [Instance, Instance];
      const before = await figuresOf(instance);
      name = 'old';
      await instance.post('/invalidate/pattern', { pattern: '*' }).expect(200);
      await eventually('all to show the old name', allShow('old'));
      name = 'new';
      const order = { keys: ['user:get:1'], request_id: `while it ${how}`.replaceAll(' ', '-') };

      await goAway(postgres);
      // Every answer below comes while the database is away: one that waited for it would never come.
      const { body } = await instance.post('/invalidate/key', order).expect(200);
      expect(body).toMatchObject({ success: true, request_id: order.request_id, was_logged: false });
      await eventually('all to show the new name', allShow('new'));
      expect(await healthOf(instance)).toMatchObject({
        code: 503,
        cache: { status: 'up' },
        cache_outbox: { status: 'down', reason: 'the outbox store does not answer' },
        cache_audit: { status: 'down', reason: 'the audit store does not answer', failedRecords: expect.any(Number) },
      });
      const during = await figuresOf(instance);
      expect(during.errors - before.errors).toBe(2); // the look-up of the id, and the row
      expect(during.total_invalidations - before.total_invalidations).toBe(2);
      expect(during.audit_writes - before.audit_writes).toBe(1); // that of the first pattern
      expect((await instance.get('/audit/logs').expect(503)).body.code).toBe('LARDER_AUDIT_UNAVAILABLE');
      expect((await instance.get('/outbox/status').expect(503)).body.code).toBe('LARDER_OUTBOX_UNAVAILABLE');
      await instance.get('/cache/metrics').expect(200);

      await comeBack(postgres);
      await eventually('a row to be written', async () => {
        const reply = await instance.post('/invalidate/key', { keys: ['user:get:2'] }).expect(200);
        return reply.body.was_logged !== false;
      });
      await eventually('health to be up by itself', async () => {
        const { code, cache, cache_outbox, cache_audit } = await healthOf(instance);
        return code === 200 && [cache, cache_outbox, cache_audit].every(({ status }) => status === 'up');
      });
      // Repeated, it is carried out and recorded; one that was recorded late answers as it did.
      expect((await other.post('/invalidate/key', order).expect(200)).body).not.toHaveProperty('was_logged');
      const { logs } = (await other.get('/audit/logs').expect(200)).body;
      const rows = logs.filter(({ request_id }: { request_id: string }) => request_id === order.request_id);
      expect(rows).toHaveLength(1);
      expect((await figuresOf(instance)).audit_writes).toBeGreaterThan(during.audit_writes);
    },
    120_000,
  );
});
