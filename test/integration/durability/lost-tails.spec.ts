import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '../../../launcher/services.mjs';
import { SeededRandom } from '../../chaos/seeded-random.mjs';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';
import { withServer } from '../redis/admin.js';
import { createJars, OUTBOX_TABLE, Shop } from './shop.js';

type RedisServer = Awaited<ReturnType<typeof startRedis>>;
const CONTROL = 'larder:{shop}:ctl';
const JARS = 8;
/** The others are never written: what is invalidated again after a loss reaches back over many short rounds. */
const JARS_WRITTEN = 6;
const SEED = Number(process.env.LARDER_TEST_SEED ?? 1 + (Date.now() % 1_000_000));

/** Two instances over one Redis, which dies again and again and comes back with what it held at some earlier moment. */
describe(`Redis loses what it had acknowledged (seed ${SEED})`, () => {
  let database: TestDatabase;
  let dataDir: string;
  let server: RedisServer;
  let shops: Shop[];

  beforeEach(async () => {
    database = await createDatabase();
    dataDir = mkdtempSync(join(tmpdir(), 'larder-tails-'));
    server = await startRedis({ fromEnvironment: false, dataDir, args: ['--dbfilename', 'dump.rdb', '--save', ''] });
    await createJars(await database.connect(), JARS);
    shops = [];
    for (let n = 0; n < 2; n += 1) shops.push(await open());
    for (let id = 1; id <= JARS; id += 1) await shops[0]!.jars.count(id);
    await Promise.all(shops.map((shop) => shop.drained()));
  }, 60_000);
  afterEach(async () => {
    for (const shop of shops) await shop.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
    await database.drop();
  });

  // A dump knows who was there for three leases; the tests take less long to come back to it.
  const open = async (): Promise<Shop> =>
    Shop.open({ dataSource: await database.connect(), redisUrl: server.url, lease: '3s', patient: true });

  /**
   * What an instance does that comes after the dump and is gone before the loss: nobody remembers what it had executed, so
   * only the outbox can bring it back.
   */
  async function byGuest(work: (guest: Shop) => Promise<unknown>): Promise<void> {
    const letGo = shops.map((shop) => shop.holdClaims());
    const guest = await open();
    await work(guest);
    await guest.drained();
    await guest.close();
    for (const go of letGo) go();
  }
  const file = (name: string): string => join(dataDir, name);
  async function dump(name: string): Promise<void> {
    await withServer(server.url, (client) => client.save());
    copyFileSync(file('dump.rdb'), file(name));
  }
  async function comesBackWith(name: string, up = (shop: Shop): boolean => shop.status === 'up'): Promise<void> {
    const { e: before } = await control();
    await server.kill();
    for (const shop of shops) await shop.until('the loss to be noticed', () => shop.status === 'degraded');
    copyFileSync(file(name), file('dump.rdb'));
    await server.restart();
    for (const shop of shops) await shop.until('the shop to be up', () => up(shop));
    await shops[0]!.until('the change to be noticed', async () => (await control()).e !== before);
  }
  const control = (): Promise<Record<string, string>> => withServer(server.url, (client) => client.hgetall(CONTROL));
  const repaired = (): Promise<void> =>
    shops[0]!.until('the repair to be over', async () => (await control()).h === undefined, 30_000);
  const epochs = ({ p = '' }: Record<string, string>): string[] =>
    (p.match(/.{44}/g) ?? []).map((segment) => segment.slice(0, 8));

  /** Every jar is read on every instance as it stands in the table; what is read is what Redis held, if anything. */
  async function nothingIsStale(): Promise<void> {
    const rows = await shops[0]!.dataSource.query('SELECT id, count FROM jar ORDER BY id');
    for (const shop of shops) {
      const read = [];
      for (const { id } of rows) read.push({ id, count: await shop.jars.count(id) });
      expect(read).toEqual(rows);
    }
  }
  const loads = (id: number): number => shops.reduce((sum, { jars }) => sum + (jars.loads.get(id) ?? 0), 0);

  it('twice, the second time with what had been applied again after the first', async () => {
    await dump('first');
    await byGuest((guest) => guest.fill(1, 10));
    const held = shops.map((each) => each.holdReplay());
    await comesBackWith('first');
    await Promise.race(held.map(({ begun }) => begun));
    await dump('second'); // another history, which nothing has been applied again in
    for (const { letGo } of held) letGo();
    await repaired();
    await comesBackWith('second');
    await repaired();
    expect(epochs(await control())).toHaveLength(2); // both changes were repaired by replay
    expect(await shops[1]!.jars.count(2)).toBe(0);
    expect(loads(2)).toBe(1); // and what was not touched is warm
    await nothingIsStale();
  }, 60_000);

  it('and again while the first loss is being repaired', async () => {
    await dump('first');
    await byGuest((guest) => guest.fill(1, 10));
    const held = shops.map((each) => each.holdReplay());
    await comesBackWith('first');
    await Promise.race(held.map(({ begun }) => begun));
    await byGuest((guest) => guest.fill(2, 20));
    await comesBackWith('first');
    for (const { letGo } of held) letGo();
    await repaired();
    await nothingIsStale();
  }, 60_000);

  it('and the instance that repairs it loses its connection to the database: another one takes over', async () => {
    const [shop] = shops as [Shop, Shop];
    await dump('first');
    await byGuest((guest) => guest.fill(1, 10));
    const held = shops.map((each) => each.holdReplay());
    await comesBackWith('first');
    const winner = await Promise.race(held.map(({ begun }, n) => begun.then(() => n)));
    let second = false;
    void held[1 - winner]!.begun.then(() => (second = true));
    const locks = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted`;
    expect(await shop.dataSource.query(locks)).toHaveLength(1);
    expect(second).toBe(false); // one at a time
    expect((await control()).h).toBeDefined();
    held[1 - winner]!.letGo();
    await shop.dataSource.query(`SELECT pg_terminate_backend(pid) FROM (${locks}) AS holder`);
    await repaired(); // the winner still stands where it stood
    expect(second).toBe(true);
    held[winner]!.letGo();
    expect(await shops[1]!.jars.count(2)).toBe(0);
    expect(loads(2)).toBe(1);
    await nothingIsStale();
  }, 60_000);

  it('while rows are dead, or a claimed row is not marked yet: nothing old comes back', async () => {
    const [shop] = shops as [Shop, Shop];
    await dump('first');
    await byGuest((guest) => guest.fill(1, 10));
    // As if its worker had applied it in the lost part, and had stopped before it could say so.
    await shop.dataSource.query(
      `UPDATE ${OUTBOX_TABLE} SET state = 'pending', applied_pos = NULL, claimed_at_ms = hydracache_now_ms() + 600000
       WHERE intent_kind = 'entity'`,
    );
    await comesBackWith('first');
    await repaired();
    expect(await shops[1]!.jars.count(2)).toBe(0);
    expect(loads(2)).toBe(1);
    await nothingIsStale();

    await shop.dataSource.query(`UPDATE ${OUTBOX_TABLE} SET claimed_at_ms = NULL WHERE state = 'pending'`);
    await shop.drained();
    await dump('second');
    await byGuest(async (guest) => {
      await guest.dataSource.query('UPDATE jar SET count = 30 WHERE id = 3');
      await guest.dataSource.query(
        `INSERT INTO ${OUTBOX_TABLE} (id, namespace, commit_position, target_hash, intent_kind, created_at_ms, available_at_ms)
         VALUES ('unreadable', 'shop', 'c', 'x', 'of the future', 0, 0)`,
      );
      await guest.until('the row to be dead', async () => (await guest.invalidations.status()).deadLettered === 1);
    });
    await comesBackWith('second', () => true); // its status stays degraded
    await repaired();
    expect((await control()).p).toBeUndefined(); // a floor
    await nothingIsStale();
  }, 60_000);

  it('beyond what instances remember of their own: it is cold, and right', async () => {
    const [shop] = shops as [Shop, Shop];
    await dump('first');
    await shop.fillAndInvalidate(1, 10); // in no outbox
    await server.kill();
    for (const each of shops) await each.until('the loss', () => each.status === 'degraded');
    await new Promise((resolve) => setTimeout(resolve, 9_500)); // three leases: the list of those who were there has ended
    copyFileSync(file('first'), file('dump.rdb'));
    await server.restart();
    for (const each of shops) await each.until('the shop to be up', () => each.status === 'up');
    await repaired();
    expect((await control()).p).toBeUndefined();
    await nothingIsStale();
  }, 60_000);

  it('at random, whatever was written where and whichever moment it comes back to', async () => {
    const random = new SeededRandom(SEED);
    const dumps: string[] = [];
    let count = 0;
    let warm = 0;
    // Some seeds are cold for many rounds: it goes on until one was warm, for that one could have been stale.
    for (let round = 0; round < 6 || (warm === 0 && round < 24); round += 1) {
      const name = `dump-${round}`;
      await dump(name);
      dumps.push(name);
      for (let write = random.between(1, 5); write > 0; write -= 1) {
        const shop = shops[random.between(0, shops.length - 1)]!;
        const id = random.between(1, JARS_WRITTEN);
        const chance = random.between(0, 5);
        if (chance === 0) await byGuest((guest) => guest.fill(id, (count += 1)));
        else if (chance === 1) await shop.fillAndInvalidate(id, (count += 1));
        else await shop.fill(id, (count += 1));
      }
      const before = shops.reduce((sum, { jars }) => sum + [...jars.loads.values()].reduce((a, b) => a + b, 0), 0);
      await comesBackWith(dumps[random.between(Math.max(0, dumps.length - 2), dumps.length - 1)]!);
      if (random.between(0, 2) > 0) await repaired();
      await nothingIsStale();
      const after = shops.reduce((sum, { jars }) => sum + [...jars.loads.values()].reduce((a, b) => a + b, 0), 0);
      if (after - before < JARS) warm += 1;
    }
    await repaired();
    await nothingIsStale();
    expect(warm).toBeGreaterThan(0); // else nothing was held back, and nothing could have been stale
  }, 180_000);
});
