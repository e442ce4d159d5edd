import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cached, CacheHealth, CacheModule, CacheScope, Invalidates } from 'nestjs-larder';
import { opentelemetry } from 'nestjs-larder/opentelemetry';
import { redis } from 'nestjs-larder/redis';
import { typeormAudit, typeormOutbox } from 'nestjs-larder/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { Traces, type SeenSpan } from '../../contract/traces.js';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';

const url = process.env.LARDER_TEST_REDIS_URL!;

@CacheScope('jar')
@Injectable()
class Jars {
  constructor(private readonly dataSource: DataSource) {}

  @Cached(60)
  async count(id: number): Promise<number> {
    const [row] = await this.dataSource.query('SELECT count FROM jar WHERE id = $1', [id]);
    return row.count;
  }

  @Invalidates<Jars['fill']>({ keys: (_, _manager, id) => [`count:${id}`] })
  async fill(manager: EntityManager, id: number, count: number): Promise<void> {
    await manager.query('UPDATE jar SET count = $2 WHERE id = $1', [id, count]);
  }
}

describe('the spans of two instances over Redis and PostgreSQL', () => {
  const namespace = `traces-${randomUUID().slice(0, 8)}`;
  const instances: { app: INestApplication; jars: Jars; dataSource: DataSource; traces: Traces }[] = [];
  let database: TestDatabase;

  async function open(): Promise<void> {
    const dataSource = await database.connect();
    const traces = new Traces();
    const module = await Test.createTestingModule({
      imports: [
        CacheModule.forRoot({
          namespace,
          backend: redis({ url }),
          outbox: typeormOutbox({ dataSource }),
          audit: typeormAudit({ dataSource }),
          defaults: { softTimeout: '10s' }, // on a busy machine too, Redis is waited for
          metrics: opentelemetry({ tracer: traces.tracer, metrics: false }),
        }),
      ],
      providers: [Jars, { provide: DataSource, useValue: dataSource }],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    await eventually(() => app.get(CacheHealth).report().status === 'up');
    instances.push({ app, jars: app.get(Jars), dataSource, traces });
  }

  beforeAll(async () => {
    Traces.keepContexts();
    database = await createDatabase();
    const dataSource = await database.connect();
    await dataSource.query('CREATE TABLE jar (id int PRIMARY KEY, count int NOT NULL)');
    await dataSource.query('INSERT INTO jar VALUES (1, 1), (2, 2)');
    await open();
    await open();
  });

  afterAll(async () => {
    for (const { app, traces } of instances) {
      await app.close();
      await traces.close();
    }
    await database?.drop();
    Traces.dropContexts();
  });

  const facts = (spans: readonly SeenSpan[]) =>
    spans.map(({ name, below, attributes }) => [name, below, attributes['larder.outcome']]);

  it('tell who asked the shared tier, what it answered, and who loaded', async () => {
    const [one, other] = instances as [(typeof instances)[0], (typeof instances)[0]];
    for (const { traces } of instances) traces.take();
    expect(await one.traces.below('GET /jars/1', () => one.jars.count(1))).toBe(1);
    const asked = one.traces.take();
    expect(facts(asked)).toEqual([
      ['larder.shared.read', 'GET /jars/1', 'miss'],
      ['larder.load', 'GET /jars/1', 'returned'],
      ['larder.shared.fill', 'GET /jars/1', 'stored'],
      ['GET /jars/1', null, undefined],
    ]);
    expect(asked[0]!.attributes).toEqual({
      'larder.scope': 'jar',
      'larder.action': 'count',
      'larder.tier': 'redis',
      'larder.outcome': 'miss',
    });
    // Two at once, answered by one batch: each below its own caller.
    const both = ['GET a', 'GET b'].map((name) =>
      other.traces.below(name, () => other.jars.count(name === 'GET a' ? 1 : 2)),
    );
    await Promise.all(both);
    expect(facts(other.traces.take())).toEqual(
      expect.arrayContaining([
        ['larder.shared.read', 'GET a', 'hit'],
        ['larder.shared.read', 'GET b', 'miss'],
        ['larder.load', 'GET b', 'returned'],
      ]),
    );
    await other.jars.count(1);
    expect(other.traces.take()).toEqual([]);
  });

  it('show the outbox applying what a transaction has committed', async () => {
    const [one] = instances as [(typeof instances)[0]];
    for (const { traces } of instances) traces.take();
    await one.traces.below('PUT /jars/1', () => one.dataSource.transaction((manager) => one.jars.fill(manager, 1, 10)));
    const spans: SeenSpan[] = [];
    await eventually(() => {
      for (const { traces } of instances) spans.push(...traces.take());
      return spans.some(({ name }) => name === 'larder.outbox.apply');
    });
    const invalidate = spans.find(({ name }) => name === 'larder.invalidate')!;
    expect(invalidate).toMatchObject({
      below: 'larder.outbox.apply',
      attributes: { 'larder.kinds': 'key', 'larder.outcome': 'applied', 'larder.logged': true },
    });
    expect(JSON.stringify(spans)).not.toContain('count:1');
    await eventually(async () => (await one.jars.count(1)) === 10);
  });
});

async function eventually(happened: () => boolean | Promise<boolean>): Promise<void> {
  const until = Date.now() + 20_000;
  while (!(await happened())) {
    if (Date.now() > until) throw new Error(`waited 20 s in vain for ${String(happened)}`);
    await sleep(10);
  }
}
