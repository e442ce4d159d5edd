import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
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
const published = async (): Promise<number> =>
  outbox.markPublished((await outbox.claim('shop', 'me', 1_000, 0)).map(({ id, claimSeq }) => ({ id, claimSeq })));

beforeAll(async () => {
  database = await createDatabase('MariaDB');
  dataSource = await database.connect();
  outbox = typeormOutbox({ dataSource });
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

describe('a table with an invalidation trigger in MariaDB', () => {
  const collections = [`collection:${AWKWARD}`, 'collection:products'];

  it('records what any statement changes, a collection once for all its rows', async () => {
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
    expect(new Set(rows.map(({ commitPosition }) => commitPosition.asStr())).size).toBe(1);
    for (const intent of intents) {
      const row = rows.find(({ targetHash }) => targetHash === intent.targetHashHex());
      expect(row!.intent.toJSON()).toEqual(intent.toJSON());
      expect(row!.id).toBe(outboxRowId('shop', row!.commitPosition.asStr(), intent.targetHashHex()));
      expect(row!.reason).toBe('insert on product');
    }
  });

  it('takes keys as text of any character set, and tells apart what a collation does not', async () => {
    await dataSource.query('CREATE TABLE word (text varchar(40) CHARACTER SET latin1, n int)');
    const queryRunner = dataSource.createQueryRunner();
    await installInvalidationTrigger(queryRunner, { namespace: 'shop', table: 'word', entity: 'word', id: 'text' });
    await queryRunner.release();
    expect(await targetsOf(`INSERT INTO word VALUES ('käfer', 1), (NULL, 2)`)).toEqual(['entity:word:käfer']);
    const [row] = await outbox.claim('shop', 'me', 1, 0);
    expect(row!.targetHash).toBe(InvalidationIntent.entity('word', 'käfer').targetHashHex());
    expect(await targetsOf(`UPDATE word SET text = 'KÄFER' WHERE n = 1`)).toEqual([
      'entity:word:KÄFER',
      'entity:word:käfer',
    ]);
    expect(await targetsOf(`UPDATE word SET text = 'KÄFER ' WHERE n = 1`)).toHaveLength(2);
  });

  it('records the second update of a row as well as the first', async () => {
    await targetsOf(`INSERT INTO product VALUES (7, 'a')`);
    await dataSource.query('TRUNCATE hydracache_invalidation_outbox');
    await dataSource.query(`UPDATE product SET name = 'c' WHERE sku = 7`);
    await dataSource.query(`UPDATE product SET name = 'd' WHERE sku = 7`);
    expect((await targets()).filter((target) => target === 'entity:product:7')).toHaveLength(2);
  });

  it('loses none where the clock of the session stands still', async () => {
    await targetsOf(`INSERT INTO product VALUES (8, 'a')`);
    await dataSource.query('TRUNCATE hydracache_invalidation_outbox');
    const session = dataSource.createQueryRunner();
    await session.query('SET timestamp = 1700000000');
    for (const name of ['b', 'c']) {
      await session.query(`UPDATE product SET name = '${name}' WHERE sku = 8`);
      expect(await published()).toBe(3);
    }
    const [claimed] = await (async () => {
      await session.query(`UPDATE product SET name = 'd' WHERE sku = 8`);
      return outbox.claim('shop', 'me', 1, 30_000);
    })();
    await session.query(`UPDATE product SET name = 'e' WHERE sku = 8`);
    expect(await outbox.markPublished([claimed!])).toBe(0);
    expect(await published()).toBe(3);
    await session.query('SET timestamp = DEFAULT');
    await session.release();
  });

  it('records nothing of a transaction that is rolled back', async () => {
    await dataSource.query('TRUNCATE hydracache_invalidation_outbox');
    const rolledBack = dataSource.transaction(async (manager) => {
      await manager.query(`UPDATE product SET name = 'never'`);
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect(await targets()).toEqual([]);
  });

  it('invalidates the namespace besides where a statement changes very much', async () => {
    const insert = (from: number, to: number) => `INSERT INTO product SELECT seq, '' FROM seq_${from}_to_${to}`;
    expect(await targetsOf(insert(1_001, 1_100))).toHaveLength(102);
    const many = await targetsOf(insert(2_001, 2_150));
    expect(many).toHaveLength(103);
    expect(many).toContain('flush');
    expect(await targetsOf(insert(3_001, 3_002))).not.toContain('flush');
  });

  it('needs no right on the outbox of whoever writes the table', async () => {
    const clerk = `larder_clerk_${randomBytes(4).toString('hex')}`; // users belong to the server, not to the database
    await dataSource.query(`CREATE USER ${clerk}`);
    await dataSource.query(`GRANT INSERT ON product TO ${clerk}`);
    const url = new URL(database.url);
    url.username = clerk;
    const theirs = await new DataSource({ type: 'mariadb', url: url.href }).initialize();
    try {
      await dataSource.query('TRUNCATE hydracache_invalidation_outbox');
      await theirs.query(`INSERT INTO product VALUES (5, 'a')`);
      expect(await targets()).toContain('entity:product:5');
      await expect(theirs.query('DELETE FROM hydracache_invalidation_outbox')).rejects.toThrow('denied');
    } finally {
      await theirs.destroy();
      await dataSource.query(`DROP USER ${clerk}`);
    }
  });

  it('may be in another database than the outbox, and have a long name', async () => {
    const other = `larder_${randomBytes(6).toString('hex')}`;
    const name = `t${'x'.repeat(40)}`;
    await dataSource.query(`CREATE DATABASE ${other}`);
    const queryRunner = dataSource.createQueryRunner();
    try {
      for (const table of [`${name}1`, `${name}2`]) {
        await dataSource.query(`CREATE TABLE ${other}.${table} (id int)`);
        const options = { namespace: 'shop', entity: table.slice(-1), id: 'id' };
        await installInvalidationTrigger(queryRunner, { ...options, table: `\`${other}\`.${table}` });
      }
      expect(await targetsOf(`INSERT INTO ${other}.${name}1 VALUES (1)`)).toEqual(['entity:1:1']);
      expect(await targetsOf(`INSERT INTO ${other}.${name}2 VALUES (1)`)).toEqual(['entity:2:1']);
    } finally {
      await queryRunner.release();
      await dataSource.query(`DROP DATABASE ${other}`);
    }
  });

  it('refuses a table or column that is not there', async () => {
    const queryRunner = dataSource.createQueryRunner();
    const options = { namespace: 'shop', entity: 'x', id: 'sku', table: 'product' };
    try {
      for (const wrong of [{ table: 'nothing' }, { id: 'nothing' }, { table: 'product; DROP TABLE product' }]) {
        await expect(installInvalidationTrigger(queryRunner, { ...options, ...wrong })).rejects.toMatchObject({
          code: 'LARDER_OPTION_INVALID',
        });
      }
      await removeInvalidationTrigger(queryRunner, 'product');
      expect(await targetsOf(`INSERT INTO product VALUES (99, 'unwatched')`)).toEqual([]);
    } finally {
      await queryRunner.release();
    }
  });
});
