import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { InjectDataSource, TypeOrmModule } from '@nestjs/typeorm';
import {
  Cached,
  CacheInvalidations,
  CacheModule,
  CacheScope,
  CacheService,
  Invalidates,
  InvalidationIntentBatch,
  InvalidationWait,
} from 'nestjs-larder';
import { CacheEntity, installInvalidationTrigger, typeormAudit, typeormOutbox } from 'nestjs-larder/typeorm';
import type { TypeOrmInvalidationCollector } from 'nestjs-larder/typeorm';
import { Column, DataSource, Entity, PrimaryColumn, type EntityManager } from 'typeorm';
import { createDatabase, type DatabaseProduct, type TestDatabase } from '../integration/typeorm/database.js';

@Entity('product')
@CacheEntity({ name: 'product', collections: ['products'] })
class Product {
  @PrimaryColumn('int')
  id: number;

  @Column()
  name: string;
}

@Entity('plain')
class Plain {
  @PrimaryColumn('int')
  id: number;

  @Column()
  name: string;
}

@CacheScope('shop')
@Injectable()
class ShopService {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  @Cached<ShopService['product']>({ ttl: '1h', entities: (_product, id) => [['product', id]] })
  async product(id: number): Promise<string | undefined> {
    return (await this.dataSource.manager.findOneBy(Product, { id }))?.name;
  }

  @Cached<ShopService['plain']>({ ttl: '1h', entities: (_plain, id) => [['plain', id]] })
  async plain(id: number): Promise<string | undefined> {
    return (await this.dataSource.manager.findOneBy(Plain, { id }))?.name;
  }

  /** Reads through whatever manager it is given: inside a transaction it may see what nobody else may. */
  @Cached<ShopService['plainBy']>({
    ttl: '1h',
    key: (_manager, id) => [id],
    entities: (_plain, _manager, id) => [['plain', id]],
  })
  async plainBy(manager: EntityManager, id: number): Promise<string | undefined> {
    return (await manager.findOneBy(Plain, { id }))?.name;
  }

  @Invalidates<ShopService['rename']>({ entities: (_result, _manager, id) => [['plain', id]] })
  async rename(manager: EntityManager, id: number, name: string): Promise<void> {
    await manager.update(Plain, { id }, { name });
  }
}

const TYPES = { PostgreSQL: 'postgres', MariaDB: 'mariadb' } as const;

describe.each<DatabaseProduct>(['PostgreSQL', 'MariaDB'])('durable invalidation in an application on %s', (product) => {
  let database: TestDatabase;
  let app: INestApplication;
  let dataSource: DataSource;
  let shop: ShopService;

  beforeAll(async () => {
    database = await createDatabase(product);
    const module = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: TYPES[product],
          url: database.url,
          entities: [Product, Plain],
          synchronize: true,
        }),
        CacheModule.forRoot({
          namespace: 'shop',
          outbox: typeormOutbox(),
          ...(product === 'PostgreSQL' && { audit: typeormAudit() }),
        }),
      ],
      providers: [ShopService],
    }).compile();
    app = module.createNestApplication({ logger: false });
    await app.init();
    dataSource = app.get(DataSource);
    shop = app.get(ShopService);
    const queryRunner = dataSource.createQueryRunner();
    await installInvalidationTrigger(queryRunner, { namespace: 'shop', table: 'plain', entity: 'plain', id: 'id' });
    await queryRunner.release();
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  beforeEach(async () => {
    for (const table of ['product', 'plain']) await dataSource.query(`TRUNCATE ${table}`);
    await dataSource.query(`INSERT INTO plain VALUES (1, 'one'), (2, 'two')`);
    await dataSource.query(`INSERT INTO product VALUES (1, 'jam')`);
    await drained();
    await app.get(CacheService).clear({ scope: 'shop' });
  });

  /** Until the worker has applied everything that is recorded. */
  async function drained(): Promise<void> {
    const invalidations = app.get(CacheInvalidations);
    const receipt = await invalidations.record(new InvalidationIntentBatch('marker').invalidateTag('marker'));
    const outcome = await invalidations.wait(receipt, InvalidationWait.local(10_000, { scope: 'namespace' }));
    expect(outcome).toMatchObject({ satisfied: true, timedOut: false });
  }

  it('shows a committed write and hides a rolled-back one', async () => {
    expect(await shop.plain(1)).toBe('one');
    await dataSource.transaction((manager) => shop.rename(manager, 1, 'ONE'));
    await drained();
    expect(await shop.plain(1)).toBe('ONE');

    const broken = dataSource.transaction(async (manager) => {
      await shop.rename(manager, 1, 'never');
      throw new Error('rolled back');
    });
    await expect(broken).rejects.toThrow('rolled back');
    await drained();
    expect(await shop.plain(1)).toBe('ONE');
  });

  it('records nothing of a savepoint that is rolled back, and all of one that stays', async () => {
    const invalidations = app.get(CacheInvalidations);
    const rowsOf = async (tag: string) =>
      (await dataSource.query(`SELECT id FROM hydracache_invalidation_outbox WHERE cache_tag = '${tag}'`)).length;
    await dataSource.transaction(async (outer) => {
      invalidations.collect<EntityManager, TypeOrmInvalidationCollector>(outer).tag('outer');
      await outer
        .transaction(async (inner) => {
          invalidations.collect<EntityManager, TypeOrmInvalidationCollector>(inner).tag('undone');
          throw new Error('savepoint');
        })
        .catch((error: Error) => expect(error.message).toBe('savepoint'));
      await outer.transaction(async (inner) => {
        invalidations.collect<EntityManager, TypeOrmInvalidationCollector>(inner).tag('kept');
      });
    });
    expect([await rowsOf('outer'), await rowsOf('undone'), await rowsOf('kept')]).toEqual([1, 0, 1]);
  });

  it('does not keep what was read inside a transaction', async () => {
    await dataSource
      .transaction(async (manager) => {
        await manager.update(Plain, { id: 2 }, { name: 'uncommitted' });
        expect(await shop.plainBy(manager, 2)).toBe('uncommitted');
        throw new Error('rolled back');
      })
      .catch((error: Error) => expect(error.message).toBe('rolled back'));
    expect(await shop.plainBy(dataSource.manager, 2)).toBe('two');
  });

  it('does not keep what was read by hand inside a transaction', async () => {
    const read = (manager: EntityManager) =>
      app.get(CacheService).getOrSet('plain:1', () => manager.findOneBy(Plain, { id: 1 }), { scope: 'shop' });
    const broken = dataSource.transaction(async (manager) => {
      await manager.query(`UPDATE plain SET name = 'uncommitted' WHERE id = 1`);
      expect(await read(manager)).toMatchObject({ name: 'uncommitted' });
      throw new Error('rolled back');
    });
    await expect(broken).rejects.toThrow('rolled back');
    expect(await read(dataSource.manager)).toMatchObject({ name: 'one' });
  });

  it('follows entities that are saved, without a word about caching', async () => {
    expect(await shop.product(1)).toBe('jam');
    const product = await dataSource.manager.findOneByOrFail(Product, { id: 1 });
    product.name = 'apricot jam';
    await dataSource.manager.save(product);
    await drained();
    expect(await shop.product(1)).toBe('apricot jam');
  });

  it('follows what another program writes by SQL', async () => {
    expect(await shop.plain(1)).toBe('one');
    const elsewhere = await database.connect();
    await elsewhere.query(`UPDATE plain SET name = 'by psql' WHERE id = 1`);
    await drained();
    expect(await shop.plain(1)).toBe('by psql');
  });

  if (product === 'PostgreSQL')
    it('leaves an audit record of every invalidation', async () => {
      await app.get(CacheService).invalidate([], { actor: 'ann', reason: 'nothing at all', requestId: 'req-1' });
      const { wasLogged } = await app
        .get(CacheService)
        .clear({ scope: 'shop', actor: 'bob', reason: 'spring', requestId: 'req-2' });
      expect(wasLogged).toBe(true);
      const rows = await dataSource.query(
        `SELECT pattern, triggered_by, request_id FROM invalidation_audit WHERE request_id IN ('req-1', 'req-2') ORDER BY id`,
      );
      expect(rows).toEqual([
        { pattern: '[]', triggered_by: 'ann', request_id: 'req-1' },
        { pattern: 'tag %scope:shop', triggered_by: 'bob', request_id: 'req-2' },
      ]);
      await expect(dataSource.query('DELETE FROM invalidation_audit')).rejects.toThrow(/invalidation_audit/);
    });
});
