import { InvalidationWait } from 'nestjs-larder';
import { startRedis } from '../../../launcher/services.mjs';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';
import { createJars, OUTBOX_TABLE, Shop } from './shop.js';

type RedisServer = Awaited<ReturnType<typeof startRedis>>;

describe('a commit while Redis is down', () => {
  let database: TestDatabase;
  let server: RedisServer;
  let shop: Shop;

  beforeAll(async () => {
    database = await createDatabase();
    // It keeps its data over a crash: the old values are there again when it is.
    server = await startRedis({ fromEnvironment: false, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const dataSource = await database.connect();
    await createJars(dataSource, 3);
    shop = await Shop.open({ dataSource, redisUrl: server.url });
  });
  afterAll(async () => {
    await shop.close();
    await server.stop();
    await database.drop();
  });

  it('succeeds, is delivered once when Redis is back, and nothing old is served', async () => {
    for (const id of [1, 2, 3]) expect(await shop.jars.count(id)).toBe(0);
    await server.kill();
    await shop.until('the loss to be noticed', () => shop.status === 'degraded');
    for (const id of [1, 2, 3]) await shop.fill(id, 10);
    // Memory is served while its lease lasts, and no longer (G2); from then on the source is asked.
    await shop.until('the lease to be over', async () => (await shop.jars.count(1)) === 10, 5_000);
    const receipt = await shop.record('t');
    expect(await shop.invalidations.wait(receipt, InvalidationWait.local(0))).toMatchObject({
      satisfied: false,
      degraded: true,
      timedOut: true,
      pending: 1,
    });
    expect(await shop.invalidations.status()).toMatchObject({ pending: 4, deadLettered: 0, failedAttempts: 0 });
    expect(shop.status).toBe('degraded');

    await server.restart();
    await shop.until('the shop to be up', () => shop.status === 'up');
    await shop.until('the backlog to be gone', async () => (await shop.invalidations.status()).pending === 0);
    for (const id of [1, 2, 3]) expect(await shop.jars.count(id)).toBe(10);
    expect([...shop.published].sort()).toEqual([...new Set(shop.published)].sort());
    const rows = await shop.dataSource.query(`SELECT id, state, attempts FROM ${OUTBOX_TABLE} ORDER BY id`);
    expect(rows).toEqual([...shop.published].sort().map((id) => ({ id, state: 'published', attempts: 0 })));
    expect(await shop.invalidations.wait(receipt, InvalidationWait.local(0))).toMatchObject({ satisfied: true });
  }, 60_000);

  it('holds no writer up while Redis is frozen rather than gone', async () => {
    server.pause();
    const startedAt = performance.now();
    await shop.fill(1, 20);
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeLessThan(5_000); // a bound of the promise (250 ms for the fast path), not of speed
    server.resume();
    await shop.until('the shop to be up', () => shop.status === 'up');
    await shop.drained();
    expect(await shop.jars.count(1)).toBe(20);
    expect(await shop.invalidations.status()).toMatchObject({ deadLettered: 0, failedAttempts: 0 });
  }, 60_000);
});
