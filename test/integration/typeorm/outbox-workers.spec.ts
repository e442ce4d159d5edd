import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { InvalidationIntentBatch, InvalidationWait, OutboxWorker, type OutboxWorkerOptions } from 'nestjs-larder';
import { typeormOutbox, type TypeOrmOutboxOptions, type TypeOrmOutboxStore } from 'nestjs-larder/typeorm';
import { createDatabase, type DatabaseProduct, type TestDatabase } from './database.js';

const TABLE = 'hydracache_invalidation_outbox';
const COLUMNS = 'id, namespace, commit_position, target_hash, intent_kind, reason, created_at_ms, available_at_ms';
/** How each database tells its time in ms, names, delays and ends a connection. */
const WORDS = {
  PostgreSQL: {
    now: 'extract(epoch FROM clock_timestamp()) * 1000',
    self: 'pg_backend_pid()',
    sleep: 'SELECT pg_sleep(10)',
    kill: (id: string) => `SELECT pg_terminate_backend(${id})`,
  },
  MariaDB: {
    now: 'UNIX_TIMESTAMP(SYSDATE(3)) * 1000',
    self: 'CONNECTION_ID()',
    sleep: 'SELECT SLEEP(10)',
    kill: (id: string) => `KILL ${id}`,
  },
};

describe.each<DatabaseProduct>(['PostgreSQL', 'MariaDB'])('workers on %s', (product) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  const words = WORDS[product];
  const stores: TypeOrmOutboxStore[] = [];
  const workers: OutboxWorker[] = [];

  beforeEach(async () => {
    database = await createDatabase(product);
    dataSource = await database.connect();
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await database.drop();
  });

  const open = async (options: TypeOrmOutboxOptions = {}): Promise<TypeOrmOutboxStore> => {
    const store = typeormOutbox({ dataSource, listen: false, ...options });
    await store.open('shop');
    stores.push(store);
    return store;
  };
  const worker = (store: TypeOrmOutboxStore, applied: string[], options?: OutboxWorkerOptions): OutboxWorker => {
    const applier = { applyInvalidation: async (_: unknown, row: { id: string }) => void applied.push(row.id) };
    const made = new OutboxWorker(store, applier, 'shop', options);
    workers.push(made);
    return made;
  };
  const tags = (count: number): InvalidationIntentBatch =>
    Array.from({ length: count }).reduce<InvalidationIntentBatch>(
      (all, _, i) => all.invalidateTag(`t${i}`),
      new InvalidationIntentBatch(),
    );
  const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    for (let tries = 0; tries < 500; tries += 1) {
      if (await condition()) return;
      await sleep(20);
    }
    throw new Error('the condition did not come true in time');
  };

  it('share 500 rows without doing one twice', async () => {
    const other = typeormOutbox({ dataSource: await database.connect(), listen: false });
    stores.push(other);
    const first = await open();
    await other.open('shop');
    await first.enqueue('shop', 'c:1', tags(500));
    const applied: string[][] = [[], []];
    const pair = [worker(first, applied[0]!, { batchSize: 16 }), worker(other, applied[1]!, { batchSize: 16 })];
    await Promise.all(
      pair.map(async (each) => {
        while ((await each.runOnce()).claimed > 0);
      }),
    );
    expect(new Set(applied.flat()).size).toBe(500);
    expect(applied.flat()).toHaveLength(500);
    expect(applied.every((own) => own.length > 0)).toBe(true);
    expect(await first.status('shop')).toMatchObject({ pending: 0, deadLettered: 0 });
  });

  it('pass over rows that another one is claiming at this moment', async () => {
    const store = await open();
    await store.enqueue('shop', 'c:1', tags(3));
    await dataSource.transaction(async (other) => {
      const [{ id }] = await other.query(`SELECT id FROM ${TABLE} LIMIT 1 FOR UPDATE`);
      const claimed = await store.claim('shop', 'me', 10, 30_000);
      expect(claimed).toHaveLength(2);
      expect(claimed.map((row) => row.id)).not.toContain(id);
      expect(await store.renew(claimed)).toHaveLength(2);
      expect(await store.markPublished(claimed)).toBe(2); // no statement waits for rows that are not its own
    });
  });

  it('let their data source be closed while they listen', async () => {
    const own = await database.connect();
    const store = typeormOutbox({ dataSource: own });
    stores.push(store);
    await store.open('shop');
    await own.destroy();
  });

  it('kill rows that cannot be read, each with the name of what is missing, and go on', async () => {
    const store = await open();
    await store.enqueue('shop', 'c:1', tags(1));
    const malformed = {
      key: 'missing cache_key',
      tag: 'missing cache_tag',
      entity: 'missing entity_name or cache_key',
    };
    const all = { ...malformed, collection: 'missing collection_name', other: 'unsupported outbox intent kind' };
    for (const kind of Object.keys(all)) {
      await dataSource.query(
        `INSERT INTO ${TABLE} (${COLUMNS}) VALUES ('${kind}', 'shop', 'c:1', '${kind}', '${kind}', '', 0, 0)`,
      );
    }
    const applied: string[] = [];
    const subject = worker(store, applied);
    expect(await subject.runOnce()).toEqual({ claimed: 6, published: 1, retried: 0, deadLettered: 5 });
    for (const row of await store.deadLetters('shop', { limit: 10 }))
      expect(row.lastError).toContain(all[row.id as keyof typeof all]);
  });

  it('write their times by the clock of the database', async () => {
    const store = await open();
    await store.enqueue('shop', 'c:1', tags(1));
    await worker(store, []).runOnce();
    const [{ old }] = await dataSource.query(
      `SELECT ${words.now} - least(created_at_ms, published_at_ms) AS old FROM ${TABLE}`,
    );
    expect(Number(old)).toBeGreaterThanOrEqual(0);
    expect(Number(old)).toBeLessThan(60_000);
  });

  it('hold no row to be at fault for a connection that its applier has lost', async () => {
    const store = await open();
    await store.enqueue('shop', 'c:1', tags(1));
    const [theirs, killer] = await Promise.all([database.connect(), database.connect()]);
    const applier = {
      async applyInvalidation() {
        const queryRunner = theirs.createQueryRunner();
        const [{ id }] = await queryRunner.query(`SELECT ${words.self} AS id`);
        const sleeping = queryRunner.query(words.sleep);
        await Promise.all([sleeping, sleep(50).then(() => killer.query(words.kill(id)))]);
      },
    };
    const subject = new OutboxWorker(store, applier, 'shop', { maxAttempts: 1 });
    workers.push(subject);
    await subject.runOnce();
    expect(await store.status('shop')).toMatchObject({ pending: 1, deadLettered: 0, failedAttempts: 0 });
  });

  it('survive lost connections without a busy loop', async () => {
    const store = await open();
    const applied: string[] = [];
    const subject = worker(store, applied, { pollIntervalMs: 20, maxPauseMs: 200 });
    subject.start();
    const claim = store.claim.bind(store);
    let claims = 0;
    let away = true;
    store.claim = async (...args) => {
      claims += 1;
      if (away) await dataSource.query(words.kill(words.self));
      return claim(...args);
    };
    await sleep(1_000);
    expect(claims).toBeLessThan(20);
    away = false;
    // The pool may not have noticed yet that the last connection is dead: who is given that one has written nothing.
    await until(() =>
      store.enqueue('shop', 'c:1', tags(2)).then(
        () => true,
        () => false,
      ),
    );
    await until(() => applied.length === 2);
  });

  // Only PostgreSQL has notifications; elsewhere polling finds the rows.
  if (product === 'PostgreSQL') {
    it('of another process are woken by a notification', async () => {
      const reader = typeormOutbox({ dataSource: await database.connect() });
      stores.push(reader);
      await reader.open('shop');
      const applied: string[] = [];
      worker(reader, applied, { pollIntervalMs: 60_000 }).start();
      await sleep(50);
      const writer = await open();
      const receipt = await dataSource.transaction(() => writer.record('shop', tags(3)));
      const outcome = await InvalidationWait.local(10_000).wait(writer, receipt);
      expect(outcome).toMatchObject({ satisfied: true, pending: 0 });
      expect(applied).toHaveLength(3);
    });

    it('are woken again after their notification connection was lost', async () => {
      const reader = await open({ listen: true });
      const applied: string[] = [];
      worker(reader, applied, { pollIntervalMs: 60_000 }).start();
      await dataSource.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`,
      );
      // Written past the library, so that only the new connection's wake-up can find it.
      await dataSource.query(`INSERT INTO ${TABLE} (${COLUMNS}) VALUES ('x', 'shop', 'c:1', 'x', 'flush', '', 0, 0)`);
      await until(() => applied.length === 1);
    });
  }
});
