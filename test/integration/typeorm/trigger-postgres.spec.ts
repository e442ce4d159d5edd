import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { InvalidationIntent, outboxRowId } from 'nestjs-larder';
import {
  installInvalidationTrigger,
  removeInvalidationTrigger,
  typeormOutbox,
  type TypeOrmOutboxStore,
} from 'nestjs-larder/typeorm';
import { createDatabase, type TestDatabase } from './database.js';

const AWKWARD = `it's a "käfer": 50% \\ off`;

let database: TestDatabase;
let dataSource: DataSource;
let outbox: TypeOrmOutboxStore;

const targets = async (): Promise<string[]> =>
  (
    await dataSource.query(
      `SELECT concat_ws(':', intent_kind, entity_name, cache_key, collection_name) AS target
       FROM hydracache_invalidation_outbox ORDER BY target`,
    )
  ).map(({ target }: { target: string }) => target);
const targetsOf = async (sql: string): Promise<string[]> => {
  await dataSource.query('TRUNCATE hydracache_invalidation_outbox');
  await dataSource.query(sql);
  return targets();
};

beforeAll(async () => {
  database = await createDatabase();
  dataSource = await database.connect();
  outbox = typeormOutbox({ dataSource, listen: false });
  await outbox.open('shop');
  await dataSource.query('CREATE TABLE product (sku bigint PRIMARY KEY, name text)');
  const queryRunner = dataSource.createQueryRunner();
  for (let again = 0; again < 2; again += 1) {
    await installInvalidationTrigger(queryRunner, {
      namespace: 'shop',
      table: 'product',
      entity: 'product',
      id: 'sku',
      collections: ['products', AWKWARD],
      maxRows: 100,
    });
  }
  await queryRunner.release();
});
afterAll(async () => {
  await outbox.close();
  await database.drop();
});

describe('a table with an invalidation trigger', () => {
  const collections = [`collection:${AWKWARD}`, 'collection:products'];

  it('records what any statement changes', async () => {
    expect(await targetsOf(`INSERT INTO product VALUES (1, 'a'), (2, 'b'), (3, 'c')`)).toEqual([
      ...collections,
      ...[1, 2, 3].map((sku) => `entity:product:${sku}`),
    ]);
    expect(await targetsOf(`UPDATE product SET name = 'x' WHERE sku < 3`)).toEqual([
      ...collections,
      'entity:product:1',
      'entity:product:2',
    ]);
    expect(await targetsOf('UPDATE product SET sku = 30 WHERE sku = 3')).toEqual([
      ...collections,
      'entity:product:3',
      'entity:product:30',
    ]);
    expect(await targetsOf('DELETE FROM product WHERE sku = 30')).toEqual([...collections, 'entity:product:30']);
    expect(await targetsOf(`UPDATE product SET name = 'x' WHERE false`)).toEqual([]);
  });

  it('makes rows that the workers read as those of the library', async () => {
    await targetsOf(`INSERT INTO product VALUES (9007199254740993, 'beyond doubles')`);
    const rows = await outbox.claim('shop', 'me', 10, 0);
    const intents = [
      InvalidationIntent.entity('product', '9007199254740993'),
      InvalidationIntent.collection('products'),
      InvalidationIntent.collection(AWKWARD),
    ];
    expect(rows).toHaveLength(intents.length);
    for (const intent of intents) {
      const row = rows.find(({ targetHash }) => targetHash === intent.targetHashHex());
      expect(row!.intent.toJSON()).toEqual(intent.toJSON());
      expect(row!.id).toBe(outboxRowId('shop', row!.commitPosition.asStr(), intent.targetHashHex()));
      expect(row!.reason).toBe('insert on product');
    }
  });

  it('records once what the application records too', async () => {
    await dataSource.query('TRUNCATE hydracache_invalidation_outbox');
    await dataSource.transaction(async (manager) => {
      outbox.collect(manager).entity('product', 7).collection('products');
      await manager.query(`INSERT INTO product VALUES (7, 'a')`);
      await manager.query(`UPDATE product SET name = 'b' WHERE sku = 7`);
    });
    expect(await targets()).toEqual([...collections, 'entity:product:7']);
  });

  it('records the second update of a row as well as the first', async () => {
    await dataSource.query('TRUNCATE hydracache_invalidation_outbox');
    await dataSource.query(`UPDATE product SET name = 'c' WHERE sku = 7`);
    await dataSource.query(`UPDATE product SET name = 'd' WHERE sku = 7`);
    expect((await targets()).filter((target) => target === 'entity:product:7')).toHaveLength(2);
  });

  it('records nothing of a transaction that is rolled back', async () => {
    await dataSource.query('TRUNCATE hydracache_invalidation_outbox');
    await dataSource.query(`BEGIN; UPDATE product SET name = 'never'; ROLLBACK`);
    expect(await targets()).toEqual([]);
  });

  it('invalidates the namespace where a statement changes very much, and on TRUNCATE', async () => {
    expect(await targetsOf(`INSERT INTO product SELECT n, '' FROM generate_series(1001, 1100) n`)).toHaveLength(102);
    expect(await targetsOf(`INSERT INTO product SELECT n, '' FROM generate_series(2001, 2101) n`)).toEqual(['flush']);
    expect(await targetsOf('TRUNCATE product')).toEqual(['flush']);
  });

  it('needs no right on the outbox of whoever writes the table', async () => {
    const clerk = `larder_clerk_${randomBytes(4).toString('hex')}`; // roles belong to the server, not to the database
    await dataSource.query(`CREATE ROLE ${clerk}; GRANT INSERT ON product TO ${clerk}`);
    try {
      await dataSource.query('TRUNCATE hydracache_invalidation_outbox');
      await dataSource.query(`BEGIN; SET LOCAL ROLE ${clerk}; INSERT INTO product VALUES (5, 'a'); COMMIT`);
      expect(await targets()).toContain('entity:product:5');
      const direct = `BEGIN; SET LOCAL ROLE ${clerk}; DELETE FROM hydracache_invalidation_outbox; COMMIT`;
      await expect(dataSource.query(direct)).rejects.toThrow('permission denied');
      await dataSource.query('ROLLBACK');
    } finally {
      await dataSource.query(`DROP OWNED BY ${clerk}; DROP ROLE ${clerk}`);
    }
  });

  it('refuses a table or column that is not there', async () => {
    const queryRunner = dataSource.createQueryRunner();
    const options = { namespace: 'shop', entity: 'x', id: 'sku', table: 'product' };
    try {
      for (const wrong of [{ table: 'nothing' }, { id: 'nothing' }, { table: 'product; DROP TABLE product' }]) {
        await expect(installInvalidationTrigger(queryRunner, { ...options, ...wrong })).rejects.toMatchObject({
          code: expect.stringMatching(/LARDER_OPTION_INVALID|42602|42601/),
        });
      }
      await removeInvalidationTrigger(queryRunner, 'product');
      expect(await targetsOf(`INSERT INTO product VALUES (99, 'unwatched')`)).toEqual([]);
    } finally {
      await queryRunner.release();
    }
  });
});
