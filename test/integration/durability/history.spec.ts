import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '../../../launcher/services.mjs';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';
import { withServer } from '../redis/admin.js';
import { createJars, Shop } from './shop.js';

type RedisServer = Awaited<ReturnType<typeof startRedis>>;

describe('Redis comes back with another past', () => {
  let database: TestDatabase;
  let dataDir: string;
  let server: RedisServer;
  let shop: Shop;

  beforeEach(async () => {
    database = await createDatabase();
    dataDir = mkdtempSync(join(tmpdir(), 'larder-history-'));
    server = await startRedis({ fromEnvironment: false, dataDir, args: ['--dbfilename', 'dump.rdb'] });
    const dataSource = await database.connect();
    await createJars(dataSource, 3);
    shop = await Shop.open({ dataSource, redisUrl: server.url, lease: '2s', patient: true });
  }, 60_000);
  afterEach(async () => {
    await shop.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
    await database.drop();
  });

  /** Dies, and lives again with what `prepare` leaves of its data. */
  async function crash(prepare: () => void): Promise<void> {
    await server.kill();
    await shop.until('the loss to be noticed', () => shop.status === 'degraded');
    prepare();
    await server.restart();
    await shop.until('the shop to be up', () => shop.status === 'up');
  }

  it('restored from an older dump: the outbox brings back what it lost, and the warm part stays warm', async () => {
    expect(await shop.jars.count(1)).toBe(0);
    expect(await shop.jars.count(2)).toBe(0);
    await shop.fill(3, 1);
    await shop.drained();
    await withServer(server.url, (client) => client.save());
    copyFileSync(join(dataDir, 'dump.rdb'), join(dataDir, 'older.rdb'));
    await shop.fill(2, 20); // its removal is in the lost tail, and in the outbox
    await shop.drained();
    expect(await shop.jars.count(2)).toBe(20);
    const loadsOfWarm = shop.jars.loads.get(1);

    await crash(() => copyFileSync(join(dataDir, 'older.rdb'), join(dataDir, 'dump.rdb')));

    expect(await shop.jars.count(2)).toBe(20);
    // While the replay lasts, old entries are misses; a read then fills anew and proves nothing, so none happens before.
    await shop.until('the replay to be over', () =>
      withServer(server.url, async (client) => {
        const control = await client.hgetall('larder:{shop}:ctl');
        return Object.keys(control).length > 0 && control.h === undefined;
      }),
    );
    expect(await shop.jars.count(1)).toBe(0);
    expect(shop.jars.loads.get(1)).toBe(loadsOfWarm);
    expect(await shop.jars.count(2)).toBe(20);
    await shop.fill(1, 30);
    await shop.drained();
    expect(await shop.jars.count(1)).toBe(30);
  }, 60_000);

  it('empty: everything is asked for anew, and invalidations go on', async () => {
    expect(await shop.jars.count(1)).toBe(0);
    await shop.fill(2, 20);
    await shop.drained();
    await crash(() => rmSync(join(dataDir, 'dump.rdb'), { force: true }));
    expect(await shop.jars.count(1)).toBe(0);
    expect(await shop.jars.count(2)).toBe(20);
    await shop.fill(1, 30);
    await shop.drained();
    expect(await shop.jars.count(1)).toBe(30);
    expect(await shop.invalidations.status()).toMatchObject({ pending: 0, deadLettered: 0 });
  }, 60_000);
});
