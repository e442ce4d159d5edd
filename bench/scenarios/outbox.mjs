// Scenario J: rows per second through the outbox worker, against the same work in hand-written SQL over the same pool (claim
// as a lease, publish, mark), and what recording intents adds to a write transaction.
import { InvalidationIntentBatch, OutboxWorker } from 'nestjs-larder';
import { typeormOutbox } from 'nestjs-larder/typeorm';
import { DataSource } from 'typeorm';
import { startPostgres } from '../../launcher/services.mjs';
import { compare } from '../measure.mjs';

const TABLE = 'hydracache_invalidation_outbox';
/** Rows per batch, and rows drained per round. */
const BATCHES = { 1: 300, 64: 8000, 512: 16_000 };
const TRANSACTIONS = 300;
const BY_HAND = 'hand-written SQL';
const PLAIN = 'transaction with one UPDATE';

const CLAIM = `UPDATE ${TABLE} SET claimed_at_ms = $2, claim_owner = 'hand' WHERE id = ANY (ARRAY(
  SELECT id FROM ${TABLE} WHERE namespace = 'shop' AND state = 'pending' AND available_at_ms <= $2
    AND (claimed_at_ms IS NULL OR claimed_at_ms + 30000 <= $2)
  ORDER BY available_at_ms, created_at_ms, id LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING *`;
const MARK = `UPDATE ${TABLE} SET state = 'published', published_at_ms = $2, claimed_at_ms = NULL, claim_owner = NULL
  WHERE id = ANY (ARRAY(SELECT unnest($1::text[])))`;
const FILL = `INSERT INTO ${TABLE} (id, namespace, commit_position, target_hash, intent_kind, entity_name, cache_key, created_at_ms,
    available_at_ms)
  SELECT encode(sha256(n::text::bytea), 'hex'), 'shop', 'c:' || n, encode(sha256(('t' || n)::bytea), 'hex'), 'entity', 'user', n, 1, 1
  FROM generate_series(1, $1::int) AS n`;

export async function run() {
  const server = await startPostgres({ fromEnvironment: false });
  const dataSource = await new DataSource({ type: 'postgres', url: server.url }).initialize();
  const outbox = typeormOutbox({ dataSource, listen: false });
  await outbox.open('shop');
  const batches = {};
  for (const [batch, rows] of Object.entries(BATCHES)) {
    console.log(`  batches of ${batch}, cost per row`);
    const contenders = [
      { name: BY_HAND, run: () => costPerRow(dataSource, rows, () => drainByHand(dataSource, Number(batch))) },
      { name: 'OutboxWorker', run: () => costPerRow(dataSource, rows, () => drain(outbox, Number(batch))) },
    ];
    const result = await compare(contenders, { baseline: BY_HAND, rounds: 5, warmups: 1 });
    batches[batch] = result.rows.map((row) => ({ ...row, rowsPerSecond: Math.round(1e9 / row.ns) }));
    for (const { name, rowsPerSecond } of batches[batch]) console.log(`    ${name}: ${rowsPerSecond} rows/s`);
  }
  console.log('  cost of a write transaction');
  const transactions = await compare(writeTransactions(dataSource, outbox), { baseline: PLAIN, rounds: 7 });
  await outbox.close();
  await dataSource.destroy();
  await server.stop();
  return { batches, transactions: transactions.rows };
}

async function costPerRow(dataSource, rows, drainAll) {
  await dataSource.query(`TRUNCATE ${TABLE}`);
  await dataSource.query(FILL, [rows]);
  await dataSource.query(`VACUUM ANALYZE ${TABLE}`);
  const start = process.hrtime.bigint();
  await drainAll();
  return Number(process.hrtime.bigint() - start) / rows;
}

async function drain(outbox, batchSize) {
  const worker = new OutboxWorker(outbox, { applyInvalidation: async () => {} }, 'shop', { batchSize });
  while ((await worker.runOnce()).claimed > 0);
}

async function drainByHand(dataSource, batchSize) {
  for (;;) {
    const [rows] = await dataSource.query(CLAIM, [batchSize, Date.now()]);
    if (rows.length === 0) return;
    for (const row of rows) await Promise.resolve(row);
    await dataSource.query(MARK, [rows.map(({ id }) => id), Date.now()]);
  }
}

function writeTransactions(dataSource, outbox) {
  const update = (manager, n) => manager.query('UPDATE product SET stock = stock + 1 WHERE id = $1', [1 + (n % 1000)]);
  const timed = async (write) => {
    await dataSource.query(
      `CREATE TABLE IF NOT EXISTS product AS SELECT id, 0 AS stock FROM generate_series(1, 1000) AS id`,
    );
    await dataSource.query(`CREATE UNIQUE INDEX IF NOT EXISTS product_id ON product (id)`);
    await dataSource.query(`TRUNCATE ${TABLE}`);
    const start = process.hrtime.bigint();
    for (let n = 0; n < TRANSACTIONS; n += 1) await dataSource.transaction((manager) => write(manager, n));
    return Number(process.hrtime.bigint() - start) / TRANSACTIONS;
  };
  const collect = async (manager, n) => {
    await update(manager, n);
    outbox.collect(manager).entity('product', n).collection('products');
  };
  const record = async (manager, n) => {
    await update(manager, n);
    await outbox.recordWithin(manager, 'shop', new InvalidationIntentBatch().invalidateEntity('product', n));
  };
  return [
    { name: PLAIN, run: () => timed(update) },
    {
      name: 'and `SELECT 1`',
      run: () => timed((manager, n) => update(manager, n).then(() => manager.query('SELECT 1'))),
    },
    { name: 'and one intent recorded', run: () => timed(record) },
    { name: 'and two intents collected', run: () => timed(collect) },
  ];
}
