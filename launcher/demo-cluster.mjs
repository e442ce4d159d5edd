// @ts-check
/**
 * `npm run demo:cluster`: Redis, PostgreSQL and three instances of the shop on three ports; then, in the terminal, a write
 * on one instance, and one in the database behind their backs, and the reads turning over, with times. Stops everything and ends by itself.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { buildWhatIsOld } from './build.mjs';
import { freePort } from './free-port.mjs';
import { startPostgres } from './postgres.mjs';
import { startRedis } from './redis.mjs';
import { guardProcess } from './watchdog.mjs';

const INSTANCES = ['A', 'B', 'C'];
const WRITES = 5;
const root = fileURLToPath(new URL('..', import.meta.url));

/** @type {(() => Promise<unknown>)[]} what to stop, last started first */
const stops = [];
try {
  await buildWhatIsOld(root);
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  stops.unshift(() => Promise.all([postgres.stop(), redis.stop()]));
  console.log(`PostgreSQL on port ${postgres.port}, Redis on port ${redis.port}`);
  const shops = [];
  // One after the other: the first one makes the tables.
  for (const name of INSTANCES) shops.push(await open(name, postgres.url, redis.url));
  await show(shops);
  await showForeignWrite(shops, postgres.url);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  for (const stop of stops) await stop();
}

/**
 * @typedef {{ name: string, url: string }} Shop
 * @param {string} name
 * @param {string} databaseUrl
 * @param {string} redisUrl
 * @returns {Promise<Shop>}
 */
async function open(name, databaseUrl, redisUrl) {
  const port = await freePort();
  const env = { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, PORT: String(port) };
  const app = spawn(process.execPath, [join(root, 'dist', 'apps', 'demo', 'main.js')], {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const release = app.pid ? guardProcess(app.pid, 'SIGTERM') : () => {};
  const gone = once(app, 'exit');
  stops.unshift(async () => {
    app.kill('SIGTERM');
    await gone;
    release();
  });
  const url = `http://127.0.0.1:${port}`;
  for (const deadline = Date.now() + 30_000; ;) {
    if (
      await fetch(`${url}/products/10`).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      break;
    if (app.exitCode !== null || Date.now() > deadline)
      throw new Error(`Expected instance ${name} to open at ${url}, it did not.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(`Instance ${name} is open at ${url}`);
  return { name, url };
}

/** @param {Shop[]} shops */
async function show(shops) {
  const [writer, ...readers] = /** @type {[Shop, ...Shop[]]} */ (shops);
  console.log('\nEvery instance reads product 1 (the second time from its own memory):');
  for (const shop of shops) for (let i = 0; i < 2; i += 1) line(shop, await read(shop));

  /** @type {number[]} */
  const times = [];
  for (let write = 1; write <= WRITES; write += 1) {
    const priceCents = 1000 + write;
    console.log(`\n${writer.name} sets the price to ${priceCents}; the others are read until they show it:`);
    const startedAt = performance.now();
    const turned = Promise.all(readers.map((shop) => readUntil(shop, priceCents)));
    await fetch(`${writer.url}/products/1/price`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ priceCents }),
    });
    const acknowledgedAt = performance.now();
    console.log(`  ${writer.name}  write answered after ${(acknowledgedAt - startedAt).toFixed(1)} ms`);
    for (const { shop, at, answer } of await turned) {
      times.push(at - acknowledgedAt);
      line(shop, answer, `${(at - acknowledgedAt).toFixed(1)} ms after the write was answered`);
    }
  }
  const sorted = times.toSorted?.((a, b) => a - b) ?? [...times].sort((a, b) => a - b);
  console.log(
    `\n${WRITES} writes, ${times.length} turnovers: median ${sorted[sorted.length >> 1]?.toFixed(1)} ms, slowest ${sorted.at(-1)?.toFixed(1)} ms`,
  );
  console.log(
    'after the write was answered (negative: the other instance showed it even before); the bound is 2,000 ms.',
  );
}

/**
 * A writer that knows nothing of the cache: SQL in the database, as `psql` sends it. The table's trigger records it.
 * @param {Shop[]} shops
 * @param {string} databaseUrl
 */
async function showForeignWrite(shops, databaseUrl) {
  const priceCents = 299;
  const sql = `UPDATE product SET "priceCents" = ${priceCents} WHERE id = 1`;
  console.log(`\nSomebody else writes to the database: ${sql}`);
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
  const committedAt = performance.now();
  for (const { shop, at, answer } of await Promise.all(shops.map((shop) => readUntil(shop, priceCents)))) {
    line(shop, answer, `${(at - committedAt).toFixed(1)} ms after the commit`);
  }
}

/** @param {Shop} shop */
async function read(shop) {
  const response = await fetch(`${shop.url}/products/1`);
  const product = /** @type {{ priceCents: number }} */ (await response.json());
  return { priceCents: product.priceCents, status: response.headers.get('cache-status') };
}

/**
 * @param {Shop} shop
 * @param {number} priceCents
 */
async function readUntil(shop, priceCents) {
  for (;;) {
    const answer = await read(shop);
    if (answer.priceCents === priceCents) return { shop, answer, at: performance.now() };
  }
}

/**
 * @param {Shop} shop
 * @param {{ priceCents: number, status: string | null }} answer
 * @param {string} [note]
 */
function line({ name }, { priceCents, status }, note = '') {
  console.log(`  ${name}  ${priceCents}  ${status ?? ''}  ${note}`);
}
