import { jest } from '@jest/globals';
import { Column, Entity, PrimaryGeneratedColumn, type DataSource, type EntityManager } from 'typeorm';
import { InvalidationIntentBatch, OutboxWorker, type OutboxRow } from 'nestjs-larder';
import { CacheEntity, typeormAudit, typeormOutbox, type TypeOrmOutboxStore } from 'nestjs-larder/typeorm';
import { createDatabase, type DatabaseProduct, type TestDatabase } from './database.js';

@Entity()
@CacheEntity({ name: 'product', collections: ['products'] })
class Product {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  name!: string;
}

interface Recorded {
  readonly target: string;
  readonly state: string;
  readonly position: string;
}

let database: TestDatabase;
let dataSource: DataSource;
let outside: DataSource;
let outbox: TypeOrmOutboxStore;
let statements: string[];

/** What differs from database to database: the statement that records, the positions of commits, a pool of one connection. */
const PRODUCTS: { product: DatabaseProduct; records: string; position: RegExp; onlyOne: object }[] = [
  {
    product: 'PostgreSQL',
    records: 'SELECT * FROM hydracache_enqueue',
    position: /^pg:\d+:\d+$/,
    onlyOne: { max: 1 },
  },
  {
    product: 'MariaDB',
    records: 'INSERT INTO hydracache_invalidation_outbox',
    position: /^my:[\da-f-]{36}$/,
    onlyOne: { connectionLimit: 1 },
  },
];

/** The outbox as another connection sees it. */
const rows = async (): Promise<Recorded[]> =>
  (
    await outside.query(
      `SELECT concat_ws(':', intent_kind, entity_name, cache_key, cache_tag, collection_name) AS target, state,
         commit_position AS position FROM hydracache_invalidation_outbox ORDER BY target`,
    )
  ).map((row: Recorded) => ({ ...row }));
const targets = async (): Promise<string[]> => (await rows()).map(({ target }) => target);
const batch = (...tags: string[]): InvalidationIntentBatch =>
  tags.reduce((all, tag) => all.invalidateTag(tag), new InvalidationIntentBatch());
const save = (manager: EntityManager, name = 'lamp'): Promise<Product> =>
  manager.save(Object.assign(new Product(), { name }));

class Rollback extends Error {}
const rollback = (): never => {
  throw new Rollback();
};

describe.each(PRODUCTS)('on $product', ({ product, records, position, onlyOne }) => {
  beforeAll(async () => {
    database = await createDatabase(product);
    dataSource = await database.connect({ entities: [Product], synchronize: true });
    outside = await database.connect();
    statements = [];
    dataSource.subscribers.push({
      beforeQuery: ({ query, queryRunner }) => void (queryRunner.isTransactionActive && statements.push(query)),
    });
    outbox = typeormOutbox({ dataSource, listen: false, publishWithinMs: 2_000 });
    await outbox.open('shop');
  });
  afterAll(async () => {
    await outbox.close();
    await database.drop();
  });
  beforeEach(async () => {
    await outside.query('TRUNCATE hydracache_invalidation_outbox');
    statements.length = 0;
  });

  describe('intents in the transaction of the data', () => {
    it('are seen by others when the data is, and not before', async () => {
      let during: string[] = [];
      await dataSource.transaction(async (manager) => {
        await outbox.recordWithin(manager, 'shop', batch('users'));
        during = await targets();
      });
      expect(during).toEqual([]);
      expect(await targets()).toEqual(['tag:users']);
    });

    it('are gone when it is rolled back', async () => {
      const transaction = dataSource.transaction(async (manager) => {
        await save(manager);
        await outbox.record('shop', batch('users'));
        outbox.collect(manager).entity('user', 42);
        rollback();
      });
      await expect(transaction).rejects.toThrow(Rollback);
      expect(await targets()).toEqual([]);
    });

    it('join the transaction of the caller by themselves', async () => {
      await dataSource.transaction(async () => {
        const receipt = await outbox.record('shop', batch('users'));
        expect(receipt.rows).toBe(1);
        expect(await targets()).toEqual([]);
      });
      const joined = await rows();
      const alone = await outbox.record('shop', batch('others'));
      expect(joined[0]!.position).not.toBe(alone.commitPosition.asStr());
      expect(alone.commitPosition.asStr()).toMatch(position);
    });

    it('join a transaction started on a query runner, and no longer than it lasts', async () => {
      const queryRunner = dataSource.createQueryRunner();
      await queryRunner.connect();
      await queryRunner.startTransaction('REPEATABLE READ');
      expect(outbox.transactions.current()).not.toBeNull();
      await outbox.record('shop', batch('users'));
      expect(await targets()).toEqual([]);
      await queryRunner.rollbackTransaction();
      expect(outbox.transactions.current()).toBeNull();
      await queryRunner.release();
      await outbox.record('shop', batch('later'));
      expect(await targets()).toEqual(['tag:later']);
    });

    it('stay out of a transaction that merely runs at the same time', async () => {
      let finish = (): void => {};
      const gate = new Promise<void>((resolve) => (finish = resolve));
      const open = dataSource.transaction(() => gate);
      expect(outbox.transactions.current()).toBeNull();
      await outbox.record('shop', batch('users'));
      expect(await targets()).toEqual(['tag:users']);
      finish();
      await open;
    });

    it('know the isolation of their transaction', async () => {
      await dataSource.transaction('SERIALIZABLE', async () => {
        expect(outbox.transactions.current()).toMatchObject({ isolation: 'SERIALIZABLE' });
      });
      expect(outbox.transactions.current()).toBeNull();
    });

    it('go with their savepoint', async () => {
      await dataSource.transaction(async (manager) => {
        outbox.collect(manager).tag('outer');
        const inner = manager.transaction(async (nested) => {
          outbox.collect(nested).tag('lost');
          await save(nested, 'lost');
          await outbox.record('shop', batch('lost-too'));
          rollback();
        });
        await expect(inner).rejects.toThrow(Rollback);
        await manager.transaction(async (nested) => void outbox.collect(nested).tag('kept'));
      });
      expect(await targets()).toEqual(['tag:kept', 'tag:outer']);
      expect(new Set((await rows()).map(({ position }) => position)).size).toBe(1);
    });

    it('are gone when only the savepoint succeeds', async () => {
      const transaction = dataSource.transaction(async (manager) => {
        await manager.transaction(async (nested) => void outbox.collect(nested).tag('lost'));
        rollback();
      });
      await expect(transaction).rejects.toThrow(Rollback);
      expect(await targets()).toEqual([]);
    });

    it('cost one statement, whatever was collected', async () => {
      await dataSource.transaction(async (manager) => {
        await save(manager, 'a');
        await save(manager, 'b');
        outbox
          .collect(manager)
          .because('import')
          .entity('user', 42)
          .collection('users')
          .tag('x')
          .pattern('get_*', 'user')
          .flush();
      });
      expect(statements.map((sql) => sql.trim())).toEqual([
        'START TRANSACTION',
        expect.stringMatching(/^INSERT INTO .product./),
        expect.stringMatching(/^INSERT INTO .product./),
        expect.stringContaining(records),
        'COMMIT',
      ]);
      expect(await targets()).toHaveLength(8);
      const reasons = await outside.query('SELECT DISTINCT reason FROM hydracache_invalidation_outbox ORDER BY reason');
      expect(reasons.map(({ reason }: { reason: string }) => reason)).toEqual(['import', 'insert of Product']);
    });

    it('fail the commit when they cannot be recorded', async () => {
      await outside.query('ALTER TABLE hydracache_invalidation_outbox RENAME TO away');
      const transaction = dataSource.transaction(async (manager) => {
        await manager.query(`INSERT INTO product (name) VALUES ('never committed')`);
        outbox.collect(manager).tag('users');
      });
      await expect(transaction).rejects.toThrow('hydracache_invalidation_outbox');
      await outside.query('ALTER TABLE away RENAME TO hydracache_invalidation_outbox');
      expect(await outside.query(`SELECT id FROM product WHERE name = 'never committed'`)).toEqual([]);
    });

    it('are refused by a collector without a transaction, or after it', async () => {
      expect(() => outbox.collect(dataSource.manager)).toThrow(
        expect.objectContaining({ code: 'LARDER_TRANSACTION_REQUIRED' }),
      );
      const late = await dataSource.transaction(async (manager) => outbox.collect(manager).tag('in time'));
      expect(() => late.tag('late')).toThrow(expect.objectContaining({ code: 'LARDER_TRANSACTION_REQUIRED' }));
      expect(await targets()).toEqual(['tag:in time']);
    });

    it('have another position for every commit, so that a repeated write is never lost', async () => {
      for (let i = 0; i < 3; i += 1)
        await dataSource.transaction(async (manager) => void outbox.collect(manager).tag('users'));
      expect(new Set((await rows()).map(({ position }) => position)).size).toBe(3);
    });
  });

  describe('entities marked with @CacheEntity', () => {
    it('record their tag and collections on insert, update and removal', async () => {
      const product = await dataSource.transaction((manager) => save(manager));
      const expected = ['collection:products', `entity:product:${product.id}`];
      expect(await targets()).toEqual(expected);

      for (const change of [
        (manager: EntityManager) => manager.save(Object.assign(product, { name: 'chair' })),
        (manager: EntityManager) => manager.save(Product, { id: product.id, name: 'table' }),
        (manager: EntityManager) => manager.remove(product),
      ]) {
        await outside.query('TRUNCATE hydracache_invalidation_outbox');
        await dataSource.transaction(async (manager) => void (await change(manager)));
        expect(await targets()).toEqual(expected);
      }
    });

    it('do so outside an explicit transaction too', async () => {
      const product = await save(dataSource.manager);
      expect(await targets()).toEqual(['collection:products', `entity:product:${product.id}`]);
      await outside.query('TRUNCATE hydracache_invalidation_outbox');
      const inserted = await dataSource.getRepository(Product).insert({ name: 'desk' });
      expect(await targets()).toEqual(['collection:products', `entity:product:${inserted.identifiers[0]!.id}`]);
    });

    it('invalidate everything, with a warning, where TypeORM does not say which rows changed', async () => {
      const { id } = await save(dataSource.manager);
      await outside.query('TRUNCATE hydracache_invalidation_outbox');
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      await dataSource.getRepository(Product).update(id, { name: 'sofa' });
      expect(await targets()).toEqual(['collection:products', 'flush']);
      await dataSource.getRepository(Product).update(id, { name: 'bench' });
      expect(warn.mock.calls.map(([, name]) => name)).toEqual(['LarderUnknownEntity']);
      warn.mockRestore();
    });
  });

  describe('after the commit', () => {
    const worker = (apply: (row: OutboxRow) => Promise<void> | void): OutboxWorker =>
      new OutboxWorker(outbox, { applyInvalidation: async (_, row) => apply(row) }, 'shop', { pollIntervalMs: 60_000 });

    it('the rows are published before the transaction returns', async () => {
      const applied: string[] = [];
      const subject = worker((row) => void applied.push(row.intent.value!));
      subject.start();
      try {
        await dataSource.transaction(async (manager) => {
          outbox.collect(manager).tag('users');
          expect(applied).toEqual([]);
        });
        expect(applied).toEqual(['users']);
        expect(await rows()).toMatchObject([{ state: 'published' }]);
        await dataSource.transaction(async (manager) => {
          await manager.transaction(async (nested) => void outbox.collect(nested).tag('nested'));
          expect(applied).toEqual(['users']);
        });
        expect(applied).toEqual(['users', 'nested']);
      } finally {
        await subject.stop();
      }
    });

    it('publishing them needs no second connection', async () => {
      const narrow = await database.connect({ extra: onlyOne });
      const store = typeormOutbox({ dataSource: narrow, listen: false, publishWithinMs: 10_000 });
      await store.open('shop');
      const audit = product === 'PostgreSQL' ? typeormAudit({ dataSource: narrow }) : null;
      await audit?.open();
      const applier = {
        applyInvalidation: async (_: unknown, { id }: OutboxRow) => {
          const entry = {
            pattern: '*',
            keys: [],
            triggeredBy: 'outbox',
            timestampMs: 0,
            requestId: id,
            latencyMs: null,
          };
          await audit?.append(entry);
        },
      };
      const subject = new OutboxWorker(store, applier, 'shop', { pollIntervalMs: 60_000 });
      subject.start();
      try {
        await narrow.transaction(async (manager) => void store.collect(manager).tag('users'));
        expect(await rows()).toMatchObject([{ state: 'published' }]);
        await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            narrow.transaction(async (manager) => void store.collect(manager).tag(`t${i}`)),
          ),
        );
        expect((await rows()).filter(({ state }) => state === 'published')).toHaveLength(21);
        await store.record('shop', batch('alone'));
        expect((await rows()).filter(({ state }) => state === 'published')).toHaveLength(22);
      } finally {
        await subject.stop();
        await store.close();
      }
    });

    it('a failing or hanging applier neither fails nor holds the writer', async () => {
      let release = (): void => {};
      const subject = worker((row) => {
        if (row.intent.value === 'bad') throw new Error('boom');
        return new Promise<void>((resolve) => (release = resolve));
      });
      subject.start();
      try {
        await dataSource.transaction(async (manager) => void outbox.collect(manager).tag('bad'));
        expect(await rows()).toMatchObject([{ target: 'tag:bad', state: 'pending' }]);
        await dataSource.transaction(async (manager) => void outbox.collect(manager).tag('hangs'));
        expect((await rows()).map(({ state }) => state)).toEqual(['pending', 'pending']);
      } finally {
        release();
        await subject.stop();
      }
    });
  });
});
