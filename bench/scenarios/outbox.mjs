// Scenario I: how fast the outbox worker drains, and what one recorded intent adds to a write transaction. The baseline of
// the worker is the loop one would write by hand over the same pool: claim with SKIP LOCKED, mark published, two statements a
// batch, in the form that PostgreSQL plans best. Applying costs nothing in both, so what is compared is the claims, the marks
// and the worker around them.
import { randomUUID } from 'node:crypto';
import { InvalidationIntentBatch, OutboxWorker } from 'nestjs-larder';
import { typeormOutbox } from 'nestjs-larder/typeorm';
import { DataSource } from 'typeorm';
import { startPostgres } from '../../launcher/services.mjs';
import { compare, costOfAwaited } from '../measure.mjs';

const TABLE = 'hydracache_invalidation_outbox';
const NAMESPACE = 'bench';
/** Rows of one round, by the size of a batch. */
const ROWS = { 1: 300, 64: 6_400, 256: 15_360, 512: 20_480 };
const SEED_BATCH = 1_024;
const CLAIM_TTL_MS = 30_000;
const WRITES = 300;
const JARS = 1_000;
const BY_HAND = 'SQL by hand';
const ALONE = 'UPDATE alone';

const CLAIM_BY_HAND = `
UPDATE ${TABLE} SET claimed_at_ms = $2, claim_owner = 'by hand'
WHERE id = ANY (ARRAY(
  SELECT id FROM ${TABLE}
  WHERE namespace = $1 AND state = 'pending' AND available_at_ms <= $2
    AND (claimed_at_ms IS NULL OR claimed_at_ms <= $2 - ${CLAIM_TTL_MS})
  ORDER BY available_at_ms, created_at_ms, id
  LIMIT $3
  FOR UPDATE SKIP LOCKED))
RETURNING *`;
const INSERT_BY_HAND = `
INSERT INTO ${TABLE} (id, namespace, commit_position, target_hash, intent_kind, cache_tag, created_at_ms, available_at_ms)
VALUES ($1, $2, $1, $1, 'tag', $3, $4, $4)`;
const MARK_BY_HAND = `
UPDATE ${TABLE} SET state = 'published', published_at_ms = $2, claimed_at_ms = NULL, claim_owner = NULL
WHERE id = ANY (ARRAY(SELECT unnest($1::text[])))`;

export async function run() {
  const server = await startPostgres({ fromEnvironment: false });
  const dataSource = await new DataSource({ type: 'postgres', url: server.url }).initialize();
  const outbox = typeormOutbox({ dataSource, listen: false });
  await outbox.open(NAMESPACE);
  await dataSource.query('CREATE TABLE jar (id int PRIMARY KEY, count int NOT NULL)');
  await dataSource.query('INSERT INTO jar SELECT id, 0 FROM generate_series(0, $1) id', [JARS - 1]);

  const drains = {};
  for (const [size, rows] of Object.entries(ROWS)) {
    console.log(`  batches of ${size}, ${rows} rows`);
    drains[size] = await drain(dataSource, outbox, Number(size), rows);
  }
  const transaction = await writes(dataSource, outbox);
  await outbox.close();
  await dataSource.destroy();
  await server.stop();
  return { drains, transaction };
}

/** Cost of one row; the ratio of speeds is what the quality goal is about (0.8). */
async function drain(dataSource, outbox, batchSize, rows) {
  const applier = { applyInvalidation: async () => 'p:1', applyBatch: async () => 'p:1' };
  const worker = new OutboxWorker(outbox, applier, NAMESPACE, { batchSize, claimTtlMs: CLAIM_TTL_MS });
  const drainers = {
    [BY_HAND]: () => drainByHand(dataSource, batchSize),
    OutboxWorker: async () => (await worker.runOnce()).published,
  };
  const contenders = Object.entries(drainers).map(([name, drainOne]) => ({
    name,
    run: async () => {
      await seed(dataSource, outbox, rows);
      return (await costOfAwaited(1, () => drainAll(drainOne, rows))) / rows;
    },
  }));
  const { rows: costs } = await compare(contenders, { baseline: BY_HAND, rounds: 7 });
  const rowsPerSecond = Object.fromEntries(costs.map(({ name, ns }) => [name, Math.round(1e9 / ns)]));
  const speed = Math.round((costs[0].ns / costs[1].ns) * 100) / 100;
  console.log(`    ${rowsPerSecond.OutboxWorker} rows/s, ${speed.toFixed(2)}x the speed of the baseline`);
  return { rows: costs, rowsPerSecond, speed };
}

async function drainAll(drainOne, rows) {
  let left = rows;
  while (left > 0) left -= await drainOne();
  if (left < 0) throw new Error(`expected ${rows} rows, got ${rows - left}`);
}

async function drainByHand(dataSource, batchSize) {
  const [claimed] = await dataSource.query(CLAIM_BY_HAND, [NAMESPACE, Date.now(), batchSize]);
  const ids = claimed.map(({ id }) => id);
  const [, published] = await dataSource.query(MARK_BY_HAND, [ids, Date.now()]);
  return published;
}

async function seed(dataSource, outbox, rows) {
  await dataSource.query(`TRUNCATE ${TABLE}`);
  for (let from = 0; from < rows; from += SEED_BATCH) {
    const batch = new InvalidationIntentBatch('bench');
    for (let n = from; n < Math.min(from + SEED_BATCH, rows); n += 1) batch.invalidateEntity('jar', n);
    await outbox.enqueue(NAMESPACE, `seed:${from}`, batch);
  }
  await dataSource.query(`VACUUM ANALYZE ${TABLE}`);
}

/** Cost of one write transaction, alone and with the intent that belongs to it. */
async function writes(dataSource, outbox) {
  console.log('  one write transaction');
  await dataSource.query(`TRUNCATE ${TABLE}`);
  const update = (manager, id) => manager.query('UPDATE jar SET count = count + 1 WHERE id = $1', [id % JARS]);
  const alone = (id) => dataSource.transaction((manager) => update(manager, id));
  const withIntent = (id) =>
    dataSource.transaction(async (manager) => {
      await update(manager, id);
      outbox.collect(manager).entity('jar', id % JARS);
    });
  const byHand = (id) =>
    dataSource.transaction(async (manager) => {
      await update(manager, id);
      await manager.query(INSERT_BY_HAND, [randomUUID(), NAMESPACE, `jar:${id}`, Date.now()]);
    });
  const contenders = [
    { name: ALONE, run: () => costOfAwaited(WRITES, alone) },
    { name: 'with a row inserted by hand', run: () => costOfAwaited(WRITES, byHand) },
    { name: 'with one intent recorded', run: () => costOfAwaited(WRITES, withIntent) },
  ];
  const { rows } = await compare(contenders, { baseline: ALONE, rounds: 9 });
  const [byHandAdds, intentAdds] = [rows[1], rows[2]].map(({ ns }) => Math.round((ns - rows[0].ns) / 1_000));
  console.log(`    the intent adds ${intentAdds} µs, the row by hand ${byHandAdds} µs`);
  return { rows, addedMicroseconds: { byHand: byHandAdds, intent: intentAdds } };
}
