import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cached, CacheHealth, CacheInvalidations, CacheModule, CacheScope, Invalidates } from 'nestjs-larder';
import { redis } from 'nestjs-larder/redis';
import { typeormOutbox } from 'nestjs-larder/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { startOwnRedis } from '../../../launcher/redis.mjs';
import { createJars } from '../durability/shop.js';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';

@CacheScope('jar')
@Injectable()
class Jars {
  constructor(private readonly dataSource: DataSource) {}

  @Cached<Jars['main']>({ ttl: '1h', entities: (_, id) => [['jar', id]] })
  async main(id: number): Promise<number> {
    return this.count(id);
  }

  @Cached<Jars['side']>({ ttl: '1h', backend: 'side', entities: (_, id) => [['jar', id]] })
  async side(id: number): Promise<number> {
    return this.count(id);
  }

  @Invalidates<Jars['fill']>({ entities: (_result, _manager, id) => [['jar', id]] })
  async fill(manager: EntityManager, id: number, count: number): Promise<void> {
    await manager.query('UPDATE jar SET count = $2 WHERE id = $1', [id, count]);
  }

  private async count(id: number): Promise<number> {
    const [row] = await this.dataSource.query('SELECT count FROM jar WHERE id = $1', [id]);
    return row.count;
  }
}

const BOTH = ['main', 'side'] as const;

// Commits go on while one of two servers is down, and none of them is lost for it, whichever process is there when it is back.
describe('an outbox in PostgreSQL before two servers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-backends-'));
  let database: TestDatabase;
  let [main, side]: Awaited<ReturnType<typeof startOwnRedis>>[] = [];
  let [a, b]: { app: INestApplication; jars: Jars; dataSource: DataSource }[] = [];

  async function open() {
    const dataSource = await database.connect();
    const [ofMain, ofSide] = [main!, side!].map(({ url }) => redis({ url, lease: '1s', retryMax: '200ms' }));
    const module = await Test.createTestingModule({
      imports: [
        CacheModule.forRoot({ backend: ofMain!, backends: { side: ofSide! }, outbox: typeormOutbox({ dataSource }) }),
      ],
      providers: [Jars, { provide: DataSource, useValue: dataSource }],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    await until('all to be up', () => app.get(CacheHealth).report().status === 'up');
    return { app, jars: app.get(Jars), dataSource };
  }

  async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const giveUpAt = performance.now() + 30_000;
    while (!(await condition())) {
      if (performance.now() > giveUpAt) throw new Error(`waited in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  beforeAll(async () => {
    const args = ['--appendonly', 'yes', '--appendfsync', 'always'];
    [main, side] = await Promise.all([startOwnRedis({}), startOwnRedis({ args, dataDir: folder })]);
    database = await createDatabase();
    await createJars(await database.connect(), 300);
    a = await open();
    b = await open();
  }, 60_000);
  afterAll(async () => {
    await Promise.all([a, b].map((each) => each?.app.close()));
    await database?.drop();
    await Promise.all([main, side].map((each) => each?.stop()));
    rmSync(folder, { recursive: true });
  });

  it('keeps rows pending until both have them, holds none of them up, and gives none up', async () => {
    const ids = Array.from({ length: 300 }, (_, n) => n + 1);
    const read = (each: typeof a, method: (typeof BOTH)[number], from = ids) =>
      Promise.all(from.map((id) => each!.jars[method](id)));
    for (const each of [a, b]) for (const method of BOTH) expect(await read(each, method)).toEqual(ids.map(() => 0));

    await side!.kill();
    // More commits than a batch holds, while nothing of any batch can be given to all.
    for (const id of ids) await a!.dataSource.transaction((manager) => a!.jars.fill(manager, id, 7));
    const sevens = ids.map(() => 7);
    for (const method of BOTH) expect(await read(a, method)).toEqual(sevens);
    await until('all commits to be seen elsewhere', async () => (await read(b, 'main')).every((count) => count === 7));
    const { pending, deadLettered } = await b!.app.get(CacheInvalidations).status();
    expect({ pending, deadLettered }).toEqual({ pending: 300, deadLettered: 0 });

    await a!.app.close(); // who has committed is not there when the server is back
    await side!.restart();
    await until('the rows to be applied', async () => (await b!.app.get(CacheInvalidations).status()).pending === 0);
    await until('its log to have told', async () => (await read(b, 'side')).every((count) => count === 7));
    a = await open();
    for (const each of [a, b]) for (const method of BOTH) expect(await read(each, method)).toEqual(sevens);
    expect((await b!.app.get(CacheInvalidations).status()).deadLettered).toBe(0);
  }, 120_000);
});
