import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import { InvalidationIntentBatch, OutboxWorker } from 'nestjs-larder';
import {
  InvalidationOutbox,
  LarderSchema1763596800000,
  typeormAudit,
  typeormOutbox,
  type TypeOrmOutboxStore,
} from 'nestjs-larder/typeorm';
import { createDatabase, type TestDatabase } from './database.js';

const OUTBOX = 'hydracache_invalidation_outbox';
const batch = (...tags: string[]): InvalidationIntentBatch =>
  tags.reduce((all, tag) => all.invalidateTag(tag), new InvalidationIntentBatch());

let database: TestDatabase;
beforeEach(async () => {
  database = await createDatabase('MariaDB');
});
afterEach(() => database.drop());

const outbox = (dataSource: DataSource, schema: 'install' | 'check' = 'install'): TypeOrmOutboxStore =>
  typeormOutbox({ dataSource, schema });

describe('the schema in MariaDB', () => {
  it('is installed once, by however many applications start at once', async () => {
    const dataSources = await Promise.all([1, 2, 3, 4].map(() => database.connect()));
    const stores = dataSources.map((dataSource) => outbox(dataSource));
    await Promise.all(stores.map((store) => store.open()));
    await Promise.all(stores.map((store) => store.close()));
    const versions = await dataSources[0]!.query('SELECT artifact, version FROM hydracache_schema_version');
    expect(versions).toEqual([{ artifact: OUTBOX, version: 1 }]);
  });

  it('is missed, or refused when it comes from the future', async () => {
    const dataSource = await database.connect();
    await expect(outbox(dataSource, 'check').open()).rejects.toMatchObject({ code: 'LARDER_SCHEMA_MISSING' });
    await outbox(dataSource).open();
    const found = outbox(dataSource, 'check');
    await found.open();
    await found.close();
    await dataSource.query('UPDATE hydracache_schema_version SET version = 2');
    await expect(outbox(dataSource).open()).rejects.toMatchObject({ code: 'LARDER_SCHEMA_UNKNOWN' });
    await expect(outbox(dataSource, 'check').open()).rejects.toMatchObject({ code: 'LARDER_SCHEMA_UNKNOWN' });
  });

  it('is created anew where only its version is left', async () => {
    const dataSource = await database.connect();
    await outbox(dataSource).open();
    await dataSource.query(`DROP TABLE ${OUTBOX}`);
    const again = outbox(dataSource);
    await again.open();
    expect(await again.status('shop')).toMatchObject({ pending: 0 });
    await again.close();
  });

  it('can be a migration, up and down', async () => {
    const dataSource = await database.connect({ migrations: [LarderSchema1763596800000] });
    await dataSource.runMigrations({ transaction: 'none' });
    await outbox(dataSource, 'check').open();
    const { anchor } = outbox(dataSource, 'check');
    await anchor.open();
    expect(await anchor.raise('shop', null, '0'.repeat(24))).toBe(true);
    await anchor.close();
    await dataSource.undoLastMigration({ transaction: 'none' });
    await expect(outbox(dataSource, 'check').open()).rejects.toMatchObject({ code: 'LARDER_SCHEMA_MISSING' });
    const left = await dataSource.query(
      `SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE()`,
    );
    expect(left).toEqual([]);
  });

  it('can be read through its entity', async () => {
    const dataSource = await database.connect({ entities: [InvalidationOutbox] });
    const store = outbox(dataSource);
    await store.open();
    await store.enqueue('shop', 'c:1', batch('users'));
    const [claimed] = await store.claim('shop', 'me', 1, 0);
    await store.markFailed(claimed!, 'boom', 0, true);
    const dead = await dataSource.getRepository(InvalidationOutbox).findBy({ state: 'dead' });
    expect(dead).toMatchObject([{ cacheTag: 'users', lastError: 'boom', attempts: 1 }]);
    await store.close();
  });

  it.each([
    ['10.5.27-MariaDB-log', 'MIXED', /MariaDB 10\.6\.0 or later.*got 10\.5\.27-MariaDB-log\. Upgrade/],
    ['5.7.44', 'ROW', /MySQL 8\.0\.11 or later.*got 5\.7\.44/],
    ['8.0.4-rc', 'ROW', /MySQL 8\.0\.11 or later/],
    ['no version', 'ROW', /MySQL 8\.0\.11 or later/],
    ['10.11.19-MariaDB', 'STATEMENT', /ROW or MIXED, got STATEMENT/],
  ])('is refused to a server that cannot run it: %s, binary log %s', async (version, format, message) => {
    const query = async (sql: string) =>
      sql.includes('VERSION()') ? [{ version }] : [{ Value: 'ON' }, { Value: format }];
    const old = { isInitialized: true, options: { type: 'mysql' }, query } as unknown as DataSource;
    const opening = outbox(old).open();
    await expect(opening).rejects.toMatchObject({ code: 'LARDER_DATABASE_UNSUPPORTED' });
    await expect(opening).rejects.toThrow(message);
  });

  it('is not refused to later servers', async () => {
    const dataSource = await database.connect();
    const query = dataSource.query.bind(dataSource) as (...args: unknown[]) => Promise<any>;
    const versions = ['10.6.0-MariaDB', '10.11.19-MariaDB-0+deb12u1', '11.4.2-MariaDB', '8.0.11', '8.0.36-28', '8.4.3'];
    for (const version of versions) {
      dataSource.query = async (sql: string, ...rest: unknown[]) =>
        sql.includes('VERSION()') ? [{ version }] : query(sql, ...rest);
      const store = outbox(dataSource);
      await store.open();
      await store.close();
    }
  });

  it('has no audit log, and says why and what to do', async () => {
    const dataSource = await database.connect();
    const opening = typeormAudit({ dataSource }).open();
    await expect(opening).rejects.toMatchObject({ code: 'LARDER_DATABASE_UNSUPPORTED' });
    await expect(opening).rejects.toThrow(/PostgreSQL.*typeormAudit.*TRUNCATE.*data source of its own/);
  });
});

describe('the outbox in MariaDB', () => {
  it('loses nothing that is recorded after a statement that commits implicitly', async () => {
    const dataSource = await database.connect();
    const store = outbox(dataSource);
    await store.open('shop');
    await dataSource.transaction(async (manager) => {
      await store.recordWithin(manager, 'shop', batch('users'));
      await manager.query('CREATE TABLE commits_implicitly (id int)');
      expect(await store.markPublished(await store.claim('shop', 'me', 10, 0))).toBe(1);
      const again = await store.recordWithin(manager, 'shop', batch('users', 'groups', 'users'));
      expect(again.rows).toBe(1);
    });
    expect(await store.claim('shop', 'me', 10, 0)).toHaveLength(2);
    await store.close();
  });

  it('tells the same time and the same text whatever the session is set to', async () => {
    const dataSource = await database.connect({ extra: { connectionLimit: 1 } });
    const store = outbox(dataSource);
    await store.open('shop');
    await dataSource.query(`SET time_zone = '+09:00', character_set_database = latin1, sql_mode = 'ANSI_QUOTES'`);
    await store.enqueue('shop', 'c:1', batch('käfer 😀'));
    const [row] = await store.claim('shop', 'me', 1, 30_000);
    expect(row!.intent.value).toBe('käfer 😀');
    expect(Math.abs(row!.createdAtMs - Date.now())).toBeLessThan(60_000);
    await store.close();
  });

  it('needs no more rights than the documentation says', async () => {
    const owner = await database.connect();
    await outbox(owner).open('shop');
    const clerk = `larder_clerk_${randomBytes(4).toString('hex')}`; // users belong to the server, not to the database
    const url = new URL(database.url);
    url.username = clerk;
    await owner.query(`CREATE USER ${clerk}`);
    try {
      await owner.query(`GRANT SELECT ON hydracache_schema_version TO ${clerk}`);
      await owner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${OUTBOX} TO ${clerk}`);
      await owner.query(`GRANT EXECUTE ON PROCEDURE hydracache_claim TO ${clerk}`);
      const theirs = await new DataSource({ type: 'mariadb', url: url.href }).initialize();
      const store = outbox(theirs, 'check');
      await store.open('shop');
      await theirs.transaction(async (manager) => void store.collect(manager).tag('a').tag('b'));
      const [one, other] = await store.claim('shop', 'me', 10, 30_000);
      expect(await store.renew([one!, other!])).toHaveLength(2);
      expect(await store.markFailed(one!, 'boom', 0, true)).toBe(true);
      expect(await store.resetDeadLetters('shop')).toBe(1);
      expect(await store.markPublished([other!])).toBe(1);
      expect(await store.prune('shop', -1, 10)).toBe(1);
      await store.close();
      await theirs.destroy();
    } finally {
      await owner.query(`DROP USER ${clerk}`);
    }
  });

  it('tells positions apart, and refuses one that does not fit', async () => {
    const dataSource = await database.connect();
    const store = outbox(dataSource);
    await store.open('shop');
    expect(await store.enqueue('shop', 'x'.repeat(255), batch('users'))).toBe(1);
    await expect(store.enqueue('shop', 'x'.repeat(256), batch('users'))).rejects.toMatchObject({
      code: 'LARDER_OPTION_INVALID',
    });
    await store.close();
  });

  it('serves writers, workers and pruning at once without a deadlock', async () => {
    const dataSource = await database.connect({ extra: { connectionLimit: 20 } });
    const store = outbox(dataSource);
    await store.open('shop');
    await dataSource.query('CREATE TABLE written (tag varchar(40))');
    const applied = new Set<string>();
    const applier = { applyInvalidation: async ({ value }: { value: string | null }) => void applied.add(value!) };
    const workers = [1, 2, 3].map(
      () => new OutboxWorker(store, applier, 'shop', { batchSize: 8, pollIntervalMs: 5, retentionMs: 0 }),
    );
    for (const worker of workers) worker.start();
    let writing = true;
    const pruning = (async () => {
      while (writing) await store.prune('shop', 0, 20);
    })();
    const write = async (writer: number): Promise<void> => {
      for (let n = 0; n < 25; n += 1) {
        await dataSource.transaction(async (manager) => {
          const tags = [1, 2, 3].map((part) => `${writer}-${n}-${part}`);
          for (const tag of tags) {
            await manager.query('INSERT INTO written VALUES (?)', [tag]);
            await store.recordWithin(manager, 'shop', batch(tag));
          }
        });
      }
    };
    await Promise.all([1, 2, 3, 4, 5, 6].map(write));
    writing = false;
    await pruning;
    for (const worker of workers) while ((await worker.runOnce()).claimed > 0);
    await Promise.all(workers.map((worker) => worker.stop()));
    const written = await dataSource.query('SELECT tag FROM written');
    expect(written).toHaveLength(450);
    expect([...applied].sort()).toEqual(written.map(({ tag }: { tag: string }) => tag).sort());
    expect(await store.status('shop')).toMatchObject({ pending: 0, deadLettered: 0, failedAttempts: 0 });
    await store.close();
  });
});
