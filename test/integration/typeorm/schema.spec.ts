import { DataSource } from 'typeorm';
import {
  InvalidationAudit,
  InvalidationOutbox,
  LarderSchema1763596800000,
  typeormAudit,
  typeormOutbox,
} from 'nestjs-larder/typeorm';
import { createDatabase, type TestDatabase } from './database.js';

const OUTBOX = 'hydracache_invalidation_outbox';

describe('the schema', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createDatabase();
  });
  afterEach(() => database.drop());

  const outbox = (dataSource: DataSource, schema: 'install' | 'check' = 'install') =>
    typeormOutbox({ dataSource, schema, listen: false });

  it('is installed once, by however many applications start at once', async () => {
    const dataSources = await Promise.all([1, 2, 3, 4].map(() => database.connect()));
    const stores = dataSources.flatMap((dataSource) => [outbox(dataSource), typeormAudit({ dataSource })]);
    await Promise.all(stores.map((store) => store.open()));
    await Promise.all(stores.map((store) => store.close()));
    const versions = await dataSources[0]!.query('SELECT artifact, version FROM hydracache_schema_version ORDER BY 1');
    expect(versions).toEqual([
      { artifact: OUTBOX, version: 1 },
      { artifact: 'invalidation_audit', version: 1 },
    ]);
  });

  it('has the columns of hydracache, and one row per target of a commit', async () => {
    const dataSource = await database.connect();
    await outbox(dataSource).open();
    const columns = await dataSource.query(
      `SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position`,
      [OUTBOX],
    );
    expect(columns.map(({ name, type }: Record<string, string>) => `${name} ${type}`)).toEqual([
      'id text',
      'namespace text',
      'commit_position text',
      'target_hash text',
      'intent_kind text',
      'cache_key text',
      'cache_tag text',
      'entity_name text',
      'collection_name text',
      'reason text',
      'payload_json text',
      'created_at_ms bigint',
      'available_at_ms bigint',
      'claimed_at_ms bigint',
      'claim_owner text',
      'published_at_ms bigint',
      'attempts integer',
      'state text',
      'last_error text',
      'claim_seq bigint',
      'applied_pos text',
    ]);
    const insert = `INSERT INTO ${OUTBOX} (id, namespace, commit_position, target_hash, intent_kind, created_at_ms, available_at_ms)
      VALUES ($1, 'n', 'c', 't', 'flush', 0, 0)`;
    await dataSource.query(insert, ['1']);
    await expect(dataSource.query(insert, ['2'])).rejects.toThrow('unique');
  });

  it('is missed, or refused when it comes from the future', async () => {
    const dataSource = await database.connect();
    await expect(outbox(dataSource, 'check').open()).rejects.toMatchObject({ code: 'LARDER_SCHEMA_MISSING' });
    await expect(typeormAudit({ dataSource, schema: 'check' }).open()).rejects.toMatchObject({
      code: 'LARDER_SCHEMA_MISSING',
    });
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
    await dataSource.runMigrations();
    await outbox(dataSource, 'check').open();
    await typeormAudit({ dataSource, schema: 'check' }).open();
    const { anchor } = outbox(dataSource, 'check');
    await anchor.open();
    expect(await anchor.raise('shop', null, '0'.repeat(24))).toBe(true);
    await anchor.close();
    await dataSource.undoLastMigration();
    await expect(outbox(dataSource, 'check').open()).rejects.toMatchObject({ code: 'LARDER_SCHEMA_MISSING' });
    await expect(anchor.open()).rejects.toMatchObject({ code: 'LARDER_SCHEMA_MISSING' });
    await anchor.close();
    const [{ left }] = await dataSource.query(
      `SELECT count(*)::int AS left FROM pg_proc WHERE proname LIKE 'hydracache%'`,
    );
    expect(left).toBe(0);
  });

  it('is what its entities describe', async () => {
    const dataSource = await database.connect({ entities: [InvalidationOutbox, InvalidationAudit] });
    await outbox(dataSource).open();
    await typeormAudit({ dataSource }).open();
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
    expect(await dataSource.getRepository(InvalidationOutbox).findBy({ state: 'dead' })).toEqual([]);
    expect(await dataSource.getRepository(InvalidationAudit).find()).toEqual([]);
  });

  it('is refused to databases that cannot skip locked rows, and to closed ones', async () => {
    const other = { isInitialized: true, options: { type: 'sqlite' } } as unknown as DataSource;
    await expect(outbox(other).open()).rejects.toMatchObject({ code: 'LARDER_DATABASE_UNSUPPORTED' });
    const old = {
      isInitialized: true,
      options: { type: 'postgres' },
      query: async () => [{ version: 120_010 }],
    } as unknown as DataSource;
    await expect(outbox(old).open()).rejects.toMatchObject({ code: 'LARDER_DATABASE_UNSUPPORTED' });
    const closed = new DataSource({ type: 'postgres', url: database.url });
    await expect(outbox(closed).open()).rejects.toMatchObject({ code: 'LARDER_OPTION_INVALID' });
    await expect(typeormOutbox().open()).rejects.toMatchObject({ code: 'LARDER_OPTION_INVALID' });
  });
});
