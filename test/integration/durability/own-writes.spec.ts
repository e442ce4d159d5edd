import type { EntityManager } from 'typeorm';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { CacheEntity } from 'nestjs-larder/typeorm';
import { startRedis } from '../../../launcher/services.mjs';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';
import { createJars, Shop } from './shop.js';

@Entity('jar')
@CacheEntity({ name: 'jar' })
class Jar {
  @PrimaryColumn('int')
  id!: number;

  @Column('int')
  count!: number;
}

type RedisServer = Awaited<ReturnType<typeof startRedis>>;
const JARS = 9;

/** Whatever the outbox and Redis are doing: the read that follows a write on the same instance shows it (G5). */
describe('own writes', () => {
  let database: TestDatabase;
  let server: RedisServer;
  let shop: Shop;

  beforeAll(async () => {
    database = await createDatabase();
    server = await startRedis({ fromEnvironment: false, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const dataSource = await database.connect({ entities: [Jar] });
    await createJars(dataSource, JARS);
    shop = await Shop.open({ dataSource, redisUrl: server.url, lease: '60s' });
  }, 60_000);
  afterAll(async () => {
    await shop.close();
    await server.stop();
    await database.drop();
  });
  beforeEach(async () => {
    await shop.until('the shop to be up', () => shop.status === 'up');
    await shop.dataSource.query('UPDATE jar SET count = 0');
    await shop.invalidations.record(shop.flushBatch());
    await shop.drained();
    for (let id = 1; id <= JARS; id += 1) expect(await shop.jars.count(id)).toBe(0);
  });

  const save = (manager: EntityManager, id: number, count: number): Promise<Jar> =>
    manager.save(Object.assign(new Jar(), { id, count }));
  const update = (manager: EntityManager, id: number, count: number): Promise<unknown> =>
    manager.query('UPDATE jar SET count = $2 WHERE id = $1', [id, count]);

  /** Each way in, changing its own jar to 10. */
  const WAYS: Readonly<Record<string, (id: number) => Promise<unknown>>> = {
    'a method with @Invalidates, in a transaction': (id) => shop.fill(id, 10),
    'a method with @Invalidates, without one': (id) => shop.jars.fill(shop.dataSource.manager, id, 10),
    'an entity saved in a transaction': (id) => shop.dataSource.transaction((manager) => save(manager, id, 10)),
    'an entity saved without one': (id) => save(shop.dataSource.manager, id, 10),
    'a collector': (id) =>
      shop.dataSource.transaction(async (manager) => {
        shop.outbox.collect(manager).entity('jar', id);
        await update(manager, id, 10);
      }),
    'a savepoint': (id) =>
      shop.dataSource.transaction((manager) => manager.transaction((nested) => save(nested, id, 10))),
    'a query runner': async (id) => {
      const queryRunner = shop.dataSource.createQueryRunner();
      await queryRunner.startTransaction();
      await save(queryRunner.manager, id, 10);
      await queryRunner.commitTransaction();
      await queryRunner.release();
    },
    'a namespace flush': (id) =>
      shop.dataSource.transaction(async (manager) => {
        await update(manager, id, 10);
        shop.outbox.collect(manager).flush();
      }),
    'a pattern': (id) =>
      shop.dataSource.transaction(async (manager) => {
        await update(manager, id, 10);
        shop.outbox.collect(manager).pattern(`count:${id}`, 'jar');
      }),
  };

  it('are seen while Redis is down, whatever way they take', async () => {
    await server.kill();
    for (const [index, [way, write]] of Object.entries(WAYS).entries()) {
      await write(index + 1);
      expect([way, await shop.jars.count(index + 1)]).toEqual([way, 10]);
    }
    await shop.until('the loss to be noticed', () => shop.status === 'degraded');
    await server.restart();
    await shop.until('the shop to be up', () => shop.status === 'up');
    await shop.drained();
    for (let id = 1; id <= JARS; id += 1) expect(await shop.jars.count(id)).toBe(10);
  }, 60_000);

  it('are seen when Redis is back with the old values, before any row is applied', async () => {
    const letGo = shop.holdClaims();
    server.pause(); // a link that comes back to the same history: everything Redis held is valid there
    for (const [index, write] of Object.values(WAYS).entries()) await write(index + 1);
    await shop.until('the loss to be noticed', () => shop.status === 'degraded');
    server.resume();
    await shop.until('the shop to be up', () => shop.status === 'up');
    expect((await shop.invalidations.status()).pending).toBeGreaterThan(0);
    for (const [index, way] of Object.keys(WAYS).entries()) {
      expect([way, await shop.jars.count(index + 1)]).toEqual([way, 10]);
    }
    letGo();
    await shop.drained();
    for (let id = 1; id <= JARS; id += 1) expect(await shop.jars.count(id)).toBe(10);
  }, 60_000);

  it('are seen while a load that began before them is under way, and that load keeps nothing', async () => {
    await server.kill();
    await shop.until('the loss to be noticed', () => shop.status === 'degraded');
    const load = shop.jars.holdLoad(2);
    await shop.fill(2, 6); // forgotten, so that the next read loads
    const early = shop.jars.count(2);
    await load.read;
    await shop.fill(2, 7);
    const joined = shop.jars.count(2);
    load.letGo();
    expect(await early).toBe(6); // it began before
    expect(await joined).toBe(7);
    expect(await shop.jars.count(2)).toBe(7);
    await server.restart();
  }, 60_000);

  it('take nothing away when they are rolled back, wholly or to a savepoint', async () => {
    const loads = new Map(shop.jars.loads);
    class Rollback extends Error {}
    const rolledBack = shop.dataSource.transaction(async (manager) => {
      await save(manager, 1, 10);
      await shop.jars.fill(manager, 2, 10);
      throw new Rollback();
    });
    await expect(rolledBack).rejects.toThrow(Rollback);
    await shop.dataSource.transaction(async (manager) => {
      const inner = manager.transaction(async (nested) => {
        await save(nested, 3, 10);
        throw new Rollback();
      });
      await expect(inner).rejects.toThrow(Rollback);
      await save(manager, 4, 10);
    });
    for (const id of [1, 2, 3]) expect(await shop.jars.count(id)).toBe(0);
    expect(await shop.jars.count(4)).toBe(10);
    for (const id of [1, 2, 3]) expect(shop.jars.loads.get(id)).toBe(loads.get(id));
    expect(shop.jars.loads.get(4)).toBe(loads.get(4)! + 1);
  });

  it('are seen while another instance publishes them, and the shared tier is used again afterwards', async () => {
    const open = async (): Promise<Shop> =>
      Shop.open({ dataSource: await database.connect(), redisUrl: server.url, maxEntries: 1, patient: true });
    const [narrow, other] = [await open(), await open()];
    /** Its memory holds one jar: what it knows of another comes from Redis or from the source. */
    const afresh = async (): Promise<number> => {
      await narrow.jars.count(6);
      return narrow.jars.count(5);
    };
    const shopLetGo = shop.holdClaims();
    try {
      expect(await afresh()).toBe(0);
      expect(narrow.jars.loads.get(5)).toBeUndefined(); // from Redis
      const letGo = narrow.holdClaims();
      const otherLetGo = other.holdClaims();
      await narrow.fill(5, 10);
      for (let look = 0; look < 3; look += 1) expect(await afresh()).toBe(10); // not the 0 that Redis holds
      expect(await other.jars.count(5)).toBe(0); // it was not acknowledged to anybody there
      otherLetGo();
      await other.until('the other to have published', () => other.published.length > 0);
      await narrow.until('the shared tier to be used again', async () => {
        const before = narrow.jars.loads.get(5);
        expect(await afresh()).toBe(10);
        return narrow.jars.loads.get(5) === before;
      });
      letGo();
    } finally {
      shopLetGo();
      await narrow.close();
      await other.close();
    }
  }, 60_000);
});
