import fc from 'fast-check';
import type { DataSource, EntityManager } from 'typeorm';
import { InvalidationIntentBatch, InvalidationWait, OutboxWorker } from 'nestjs-larder';
import { typeormOutbox, type TypeOrmOutboxStore } from 'nestjs-larder/typeorm';
import { createDatabase, type DatabaseProduct, type TestDatabase } from './database.js';

/** A transaction or savepoint: writes, levels below it, and how it ends. */
interface Level {
  readonly steps: readonly (Write | Level)[];
  readonly commits: boolean;
}
type Write = 'collect' | 'record' | 'raw';

const isLevel = (step: Write | Level): step is Level => typeof step !== 'string';
const { level } = fc.letrec<{ level: Level; step: Write | Level }>((tie) => ({
  level: fc.record({ steps: fc.array(tie('step'), { maxLength: 4 }), commits: fc.boolean() }),
  step: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom<Write>('collect', 'record', 'raw'),
    tie('level') as fc.Arbitrary<Level>,
  ),
}));

class Rollback extends Error {}

describe.each<DatabaseProduct>(['PostgreSQL', 'MariaDB'])('whatever a transaction consists of, on %s', (product) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let outbox: TypeOrmOutboxStore;

  beforeAll(async () => {
    database = await createDatabase(product);
    dataSource = await database.connect();
    outbox = typeormOutbox({ dataSource, listen: false });
    await outbox.open('shop');
    await dataSource.query('CREATE TABLE written (tag text)');
  });
  afterAll(async () => {
    await outbox.close();
    await database.drop();
  });

  let names = 0;
  const write = async (manager: EntityManager, how: Write): Promise<void> => {
    const tag = `t${(names += 1)}`;
    await manager.query(`INSERT INTO written VALUES ('${tag}')`);
    if (how === 'collect') outbox.collect(manager).tag(tag);
    if (how === 'record') await outbox.record('shop', new InvalidationIntentBatch().invalidateTag(tag));
    if (how === 'raw') await outbox.recordWithin(manager, 'shop', new InvalidationIntentBatch().invalidateTag(tag));
  };
  const play = async (manager: EntityManager, { steps, commits }: Level): Promise<void> => {
    const transaction = manager.transaction(async (inner) => {
      for (const step of steps) {
        if (isLevel(step)) await play(inner, step);
        else await write(inner, step);
      }
      if (!commits) throw new Rollback();
    });
    await transaction.catch((error: unknown) => {
      if (!(error instanceof Rollback)) throw error;
    });
  };
  const column = async (sql: string): Promise<string[]> =>
    (await dataSource.query(sql)).map(({ tag }: { tag: string }) => tag);

  it('I13: what is committed is invalidated, what is rolled back is not', async () => {
    const applied = new Set<string>();
    const applier = { applyInvalidation: async ({ value }: { value: string | null }) => void applied.add(value!) };
    const worker = new OutboxWorker(outbox, applier, 'shop');
    await fc.assert(
      fc.asyncProperty(level, async (transaction) => {
        await play(dataSource.manager, transaction);
        while ((await worker.runOnce()).claimed > 0);
        const written = await column('SELECT tag FROM written ORDER BY tag');
        expect([...applied].sort()).toEqual(written.sort());
      }),
      { numRuns: 150 },
    );
    expect(applied.size).toBeGreaterThan(50);
  });

  it('many at once, each reading what it writes, lose nothing and mix nothing up', async () => {
    const receipts = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        dataSource.transaction(async () => {
          const receipt = await outbox.record('shop', new InvalidationIntentBatch().invalidateTag(`at-once-${i}`));
          await new Promise((resolve) => setImmediate(resolve));
          outbox.collect(outbox.transactions.currentManager()!).tag(`collected-${i}`);
          return receipt;
        }),
      ),
    );
    for (const [i, receipt] of receipts.entries()) {
      const position = receipt.commitPosition.asStr();
      const tags = await column(
        `SELECT cache_tag AS tag FROM hydracache_invalidation_outbox WHERE commit_position = '${position}' ORDER BY 1`,
      );
      expect(tags).toEqual([`at-once-${i}`, `collected-${i}`]);
    }
  });

  it('a receipt of a rolled-back transaction is never satisfied', async () => {
    let receipt;
    const transaction = dataSource.transaction(async () => {
      receipt = await outbox.record('shop', new InvalidationIntentBatch().flush());
      throw new Rollback();
    });
    await expect(transaction).rejects.toThrow(Rollback);
    const outcome = await InvalidationWait.local(20).wait(outbox, receipt!);
    expect(outcome).toMatchObject({ satisfied: false, degraded: true, timedOut: true, pending: 0 });
  });
});
