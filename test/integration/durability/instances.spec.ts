import { InvalidationApplier, InvalidationIntentBatch, InvalidationWait, OutboxWorker } from 'nestjs-larder';
import { startRedis } from '../../../launcher/services.mjs';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';
import { createJars, NAMESPACE, OUTBOX_TABLE, Shop } from './shop.js';

type RedisServer = Awaited<ReturnType<typeof startRedis>>;

describe('two instances on one database', () => {
  let database: TestDatabase;
  let server: RedisServer;
  let shops: [Shop, Shop];

  beforeAll(async () => {
    database = await createDatabase();
    server = await startRedis({ fromEnvironment: false });
    await createJars(await database.connect(), 9);
    const open = async (): Promise<Shop> => Shop.open({ dataSource: await database.connect(), redisUrl: server.url });
    shops = [await open(), await open()];
  }, 60_000);
  afterAll(async () => {
    for (const shop of shops ?? []) await shop.close();
    await server.stop();
    await database.drop();
  });

  /** Both show it at the latest when the lease is over, and nothing would correct them later. */
  async function bothShow(id: number, count: number): Promise<void> {
    for (const shop of shops) {
      await shop.until(`jar ${id} to show ${count}`, async () => (await shop.jars.count(id)) === count, 5_000);
    }
  }

  it('publish 500 rows of one commit, each once', async () => {
    const [writer] = shops;
    for (const shop of shops) shop.published.length = 0;
    const tags = Array.from({ length: 500 }, (_, n) => `t${n}`);
    const receipt = await writer.record(...tags);
    expect(receipt.rows).toBe(500);
    const outcome = await writer.invalidations.wait(receipt, InvalidationWait.local(20_000));
    expect(outcome).toMatchObject({ satisfied: true, pending: 0 });
    const ids = await writer.dataSource.query(`SELECT id FROM ${OUTBOX_TABLE} WHERE commit_position = $1`, [
      receipt.commitPosition.asStr(),
    ]);
    const published = shops.flatMap((shop) => shop.published);
    expect(published).toHaveLength(500);
    expect(new Set(published)).toEqual(new Set(ids.map((row: { id: string }) => row.id)));
  });

  it('show what parallel writers read, changed and wrote, and never what was rolled back', async () => {
    const committed: number[] = [];
    const seen: number[] = [];
    const writeAndRead = async (shop: Shop, n: number): Promise<void> => {
      const rollsBack = n % 5 === 4;
      await shop.dataSource
        .transaction(async (manager) => {
          const count = await shop.jars.addOne(manager, 1);
          if (rollsBack) throw new Error('rolled back');
          committed.push(count);
        })
        .catch((error: Error) => expect(error.message).toBe('rolled back'));
      seen.push(await shop.jars.count(1));
    };
    await Promise.all(shops.flatMap((shop) => Array.from({ length: 20 }, (_, n) => writeAndRead(shop, n))));
    expect([...committed].sort((a, b) => a - b)).toEqual(Array.from({ length: 32 }, (_, n) => n + 1));
    for (const count of seen) expect([0, ...committed]).toContain(count);
    await bothShow(1, 32);
  }, 60_000);

  it('do not keep what a REPEATABLE READ transaction reads after others have written', async () => {
    const [reader, writer] = shops;
    await reader.dataSource.transaction('REPEATABLE READ', async (snapshot) => {
      await snapshot.query('SELECT count FROM jar WHERE id = 2');
      await writer.fill(2, 5);
      await writer.drained();
      expect(await reader.jars.count(2, snapshot)).toBe(0); // as the snapshot says
    });
    await bothShow(2, 5);
  });

  it('leave a published row alone when its first worker wakes up late', async () => {
    const [shop] = shops;
    const namespace = 'other'; // where the applications' own workers take nothing
    await shop.outbox.enqueue(namespace, 'late:1', new InvalidationIntentBatch('test').invalidateTag('late'));
    let fail!: (error: Error) => void;
    let begun!: () => void;
    const applying = new Promise<void>((resolve) => (begun = resolve));
    class Sleeper extends InvalidationApplier {
      override applyInvalidation(): Promise<string> {
        begun();
        return new Promise((_, reject) => (fail = reject));
      }
    }
    class Quick extends InvalidationApplier {
      override applyInvalidation(): Promise<string> {
        return Promise.resolve('quick');
      }
    }
    // It renews nothing, as a process does that is stopped.
    const frozen = Object.create(shop.outbox, { renew: { value: () => Promise.resolve([]) } });
    const late = new OutboxWorker(frozen, new Sleeper(), namespace, { claimTtlMs: 100, maxAttempts: 1 });
    const lateRun = late.runOnce();
    await applying;
    const quick = new OutboxWorker(shop.outbox, new Quick(), namespace, { claimTtlMs: 100 });
    await shop.until('the row to be taken over', async () => (await quick.runOnce()).published === 1);
    fail(new Error('too late'));
    expect(await lateRun).toMatchObject({ claimed: 1, published: 0, retried: 0, deadLettered: 0 });
    expect(await shop.outbox.statusForCommit(namespace, 'late:1')).toMatchObject({
      published: 1,
      deadLettered: 0,
      appliedPosition: 'quick',
    });
  });

  it('flush the namespace for a dead letter, keep its row, and are degraded until it is reset', async () => {
    const [shop, other] = shops;
    expect(await shop.jars.count(3)).toBe(0);
    expect(await other.jars.count(3)).toBe(0);
    await shop.dataSource.query('UPDATE jar SET count = 7 WHERE id = 3'); // what the unreadable row would have said
    expect(await shop.jars.count(3)).toBe(0);
    const receipt = await shop.dataSource.transaction(async (manager) => {
      const recorded = await shop.record('readable');
      await manager.query(
        `INSERT INTO ${OUTBOX_TABLE} (id, namespace, commit_position, target_hash, intent_kind, created_at_ms, available_at_ms)
         VALUES ('unreadable', $1, $2, 'x', 'of the future', 0, 0)`,
        [NAMESPACE, recorded.commitPosition.asStr()],
      );
      return recorded;
    });
    await bothShow(3, 7);
    const dead = async (): Promise<number> => (await shop.invalidations.status()).deadLettered;
    await shop.until('the row to be dead', async () => (await dead()) === 1);
    for (const timeoutMs of [0, 500]) {
      expect(await shop.invalidations.wait(receipt, InvalidationWait.local(timeoutMs))).toMatchObject({
        satisfied: false,
        degraded: true,
        timedOut: false,
      });
    }
    expect(shops.map(({ status }) => status)).toContain('degraded');
    expect(await shop.outbox.find('unreadable')).toMatchObject({ lastError: expect.stringContaining('unsupported') });

    await shop.dataSource.query(
      `UPDATE ${OUTBOX_TABLE} SET intent_kind = 'tag', cache_tag = 'mended' WHERE id = 'unreadable'`,
    );
    expect(await shop.invalidations.resetDeadLetters()).toBe(1);
    const outcome = await shop.invalidations.wait(receipt, InvalidationWait.local(10_000));
    expect(outcome).toMatchObject({ satisfied: true });
    expect(await dead()).toBe(0);
    await shop.until('both to be up', () => shops.every(({ status }) => status === 'up'), 10_000);
  }, 60_000);
});
