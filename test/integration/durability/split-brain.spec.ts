import { setTimeout as sleep } from 'node:timers/promises';
import { entityTag, InvalidationIntent } from 'nestjs-larder';
import { startRedis } from '../../../launcher/services.mjs';
import { withServer } from '../redis/admin.js';
import { Wire } from '../redis/wire.js';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';
import { createJars, Shop, type ShopOptions } from './shop.js';

type RedisServer = Awaited<ReturnType<typeof startRedis>>;

/** L of the shops, and what an anchor allows a split brain to add to it, ms. */
const LEASE_MS = 500;
const ANCHOR_BOUND_MS = 1000;
/** A replica that has not acknowledged for so long counts as gone, ms. */
const REPLICA_SILENCE_MS = 3000;

// An old primary that is cut off from its replica goes on answering those who still reach it, while the replica is
// promoted for the others. Redis' own bounds (min-replicas-to-write) are left off.
describe('a split brain of Redis', () => {
  let database: TestDatabase;
  let oldServer: RedisServer;
  let newServer: RedisServer;
  /** Between the servers, to the old one for its shops, and to PostgreSQL for the same. */
  let replication: Wire;
  let toRedis: Wire;
  let toPostgres: Wire;
  const shops: Shop[] = [];

  beforeEach(async () => {
    database = await createDatabase();
    oldServer = await startRedis({ fromEnvironment: false });
    replication = await Wire.to(oldServer);
    newServer = await startRedis({
      fromEnvironment: false,
      replicaOf: { host: '127.0.0.1', port: replication.port },
    });
    toRedis = await Wire.to(oldServer);
    const { hostname, port } = new URL(database.url);
    toPostgres = await Wire.to({ host: hostname, port: Number(port) });
    await createJars(await database.connect(), 3);
    await withServer(oldServer.url, (client) => client.wait(1, 5000));
  }, 60_000);

  afterEach(async () => {
    toPostgres.heal();
    for (const shop of shops.splice(0)) await shop.close();
    await Promise.all([replication.close(), toRedis.close()]);
    await Promise.all([oldServer.stop(), newServer.stop()]);
    await database.drop();
    await toPostgres.close();
  });

  async function open(
    redisUrl: string,
    options: Partial<ShopOptions> & { readonly far?: boolean } = {},
  ): Promise<Shop> {
    const { far = false, ...rest } = options;
    const url = new URL(database.url);
    if (far) [url.hostname, url.port] = ['127.0.0.1', String(toPostgres.port)];
    const dataSource = await database.connect({ url: url.href } as object);
    const shop = await Shop.open({ dataSource, redisUrl, ...rest });
    shops.push(shop);
    return shop;
  }

  async function split(): Promise<void> {
    replication.cut();
    await withServer(newServer.url, (client) => client.replicaof('NO', 'ONE'));
  }

  /** Writes past every cache, and says so to this shop's side alone. */
  async function write(side: Shop, count: number): Promise<void> {
    await side.dataSource.query('UPDATE jar SET count = $1 WHERE id = 1', [count]);
    await side.cache.invalidate([InvalidationIntent.tag(entityTag('jar', 1))]);
  }

  /** How long after `since` a read that answered `stale` was last begun, within `forMs`. */
  async function lastStale(shop: Shop, stale: number, since: number, forMs: number): Promise<number> {
    let last = 0;
    while (performance.now() - since < forMs) {
      const begunAt = performance.now();
      if ((await shop.jars.count(1)) === stale) last = begunAt - since;
      await sleep(5);
    }
    return last;
  }

  it('is over for the old side within L and a second, whatever was written on the new one', async () => {
    const a = await open(toRedis.url);
    expect(await a.jars.count(1)).toBe(0);
    await split();
    const b = await open(newServer.url);
    await write(b, 5);
    const acknowledgedAt = performance.now();
    expect(await lastStale(a, 0, acknowledgedAt, 3 * (LEASE_MS + ANCHOR_BOUND_MS))).toBeLessThan(
      LEASE_MS + ANCHOR_BOUND_MS,
    );
    expect(await a.jars.count(1)).toBe(5);
    expect(b.status).toBe('up');
    expect(a.health).toMatchObject({ status: 'degraded', backend: { available: false } });
    expect(a.health.log.lastErrorCode).toBe('SUPERSEDED');

    toRedis.leadTo(newServer); // it heals: clients find the server that counts
    await a.until('the old side to be back', () => a.status === 'up');
    await write(b, 6);
    await a.until('what the other invalidates to be seen', async () => (await a.jars.count(1)) === 6);
  }, 60_000);

  it('has no end without an anchor', async () => {
    const a = await open(toRedis.url, { anchor: false });
    expect(await a.jars.count(1)).toBe(0);
    await split();
    const b = await open(newServer.url, { anchor: false });
    await write(b, 5);
    const forMs = 3 * (LEASE_MS + ANCHOR_BOUND_MS);
    expect(await lastStale(a, 0, performance.now(), forMs)).toBeGreaterThan(forMs - 200);
    expect(a.status).toBe('up');
  }, 60_000);

  it('lets nobody be told that an invalidation was executed which the new side has not heard of', async () => {
    const a = await open(toRedis.url);
    await split();
    const b = await open(newServer.url);
    expect(await b.jars.count(1)).toBe(0);
    await expect(write(a, 5)).rejects.toMatchObject({ code: 'LARDER_LOG_UNAVAILABLE' });
    // Recorded in the outbox it is left to whoever is on the side that counts.
    await a.fill(1, 7);
    await b.until('the new side to have heard', async () => (await b.jars.count(1)) === 7);
  }, 60_000);

  it('is noticed by the server alone, where the database cannot be asked', async () => {
    const a = await open(toRedis.url, { far: true });
    expect(await a.jars.count(1)).toBe(0);
    toPostgres.die();
    await a.until('the anchor to be unreadable', () => a.health.log.warnings.some((text) => text.includes('anchor')));
    expect(await a.jars.count(1)).toBe(0);
    await split();
    const b = await open(newServer.url);
    await write(b, 5);
    const acknowledgedAt = performance.now();
    let last = 0;
    // What is not served from memory or Redis asks the database, and hangs: that it asks is the answer here.
    while (performance.now() - acknowledgedAt < 3 * REPLICA_SILENCE_MS) {
      const begunAt = performance.now();
      const answer = await Promise.race([a.jars.count(1), sleep(100, 'asks')]);
      if (answer === 'asks') break;
      last = begunAt - acknowledgedAt;
      await sleep(5);
    }
    expect(last).toBeLessThan(LEASE_MS + REPLICA_SILENCE_MS);
    await expect(a.cache.invalidate([InvalidationIntent.tag('t')])).rejects.toMatchObject({
      code: 'LARDER_LOG_UNAVAILABLE',
    });
  }, 60_000);

  it('is not suspected while the replica is there: without the database everything goes on', async () => {
    const a = await open(toRedis.url, { far: true });
    expect(await a.jars.count(1)).toBe(0);
    toPostgres.cut();
    const since = performance.now();
    expect(await lastStale(a, 0, since, 2 * REPLICA_SILENCE_MS)).toBeGreaterThan(2 * REPLICA_SILENCE_MS - 200);
    await a.cache.invalidate([InvalidationIntent.tag('t')]);
    expect(a.health.backend).toMatchObject({ available: true });
  }, 60_000);
});
