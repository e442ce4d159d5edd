// @ts-check
/**
 * `npm run test:crash [-- --kills N] [--seed N] [--lanes N]`: kills writers and outbox workers at every labelled point, and
 * checks after each death that no committed write lost its invalidation and no rolled-back one has any. The last line is
 * `N passed, N failed`, one for each death; the seed repeats the order of the points.
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { DataSource } from 'typeorm';
import { startPostgres, startRedis } from '../../launcher/services.mjs';
import { buildLibrary } from '../chaos/library.mjs';
import { SeededRandom } from '../chaos/seeded-random.mjs';
import { Lane } from './lane.mjs';
import { CRASH_POINTS } from './points.mjs';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(1 + (Date.now() % 1_000_000)) },
    lanes: { type: 'string', default: '5' },
    only: { type: 'string' },
  },
});
const kills = Number(values.kills);
const random = new SeededRandom(Number(values.seed));
await buildLibrary();
console.log(`seed ${values.seed}, ${kills} kills at ${CRASH_POINTS.length} points`);

/** @type {{ stop(): Promise<void> }[]} */
const servers = [];
const given = process.env.LARDER_TEST_POSTGRES_URL;
const postgres = given === undefined ? await startPostgres() : undefined;
if (postgres) servers.push(postgres);
const redis = await startRedis({ fromEnvironment: false });
servers.push(redis);
const database = await createDatabase(given ?? /** @type {{ url: string }} */ (postgres).url);
try {
  process.exitCode = (await campaign()) ? 0 : 1;
} finally {
  await database.drop();
  for (const server of servers) await server.stop();
}

/** True when all is well. */
async function campaign() {
  const points = CRASH_POINTS.filter(({ name }) => values.only === undefined || name === values.only);
  /** Every point as often as every other, in an order of chance. */
  const order = random.shuffled(Array.from({ length: kills }, (_, n) => points[n % points.length]));
  const lanes = Array.from(
    { length: Math.min(kills, Number(values.lanes)) },
    (_, n) => new Lane({ namespace: `crash${n}`, postgresUrl: database.url, redisUrl: redis.url }),
  );
  /** @type {import('./lane.mjs').Finding[]} */
  const findings = [];
  for (const lane of lanes) await lane.open();
  try {
    await Promise.all(
      lanes.map(async (lane) => {
        for (let point = order.pop(); point !== undefined; point = order.pop()) {
          findings.push(await lane.kill(point, random.between(0, 2)));
          if (findings.length % 100 === 0) console.log(`${findings.length} of ${kills}`);
        }
      }),
    );
  } finally {
    for (const lane of lanes) await lane.close();
  }
  report(findings);
  const failed = findings.filter(({ complaints }) => complaints.length > 0).length;
  const seen = new Set(findings.map(({ point }) => point)).size;
  const sum = (/** @type {(finding: import('./lane.mjs').Finding) => number} */ of) =>
    findings.reduce((all, finding) => all + of(finding), 0);
  // A run proves something only if deaths left work behind.
  const partial = values.only !== undefined || kills < 2 * points.length;
  const telling = partial || (sum((each) => each.unpublished) > 0 && sum((each) => each.claimed) > 0);
  if (!telling) console.log('FAILED  no death left anything behind, so nothing was proved');
  console.log(
    `${sum((each) => each.committed)} committed writes, ${sum((each) => each.unpublished)} rows left behind, ` +
      `${sum((each) => each.claimed)} of them claimed; the slowest were retaken within ` +
      `${Math.round(Math.max(...findings.map(({ retakenMs }) => retakenMs)))} ms; ${seen} points`,
  );
  console.log(`${findings.length - failed + Number(telling)} passed, ${failed + Number(!telling)} failed`);
  return failed === 0 && telling;
}

/** @param {import('./lane.mjs').Finding[]} findings */
function report(findings) {
  for (const { point, complaints } of findings) {
    for (const complaint of complaints) console.log(`FAILED  ${point}: ${complaint}`);
  }
}

/** @param {string} serverUrl */
async function createDatabase(serverUrl) {
  const name = `larder_crash_${randomBytes(6).toString('hex')}`;
  const server = await new DataSource({ type: 'postgres', url: serverUrl }).initialize();
  await server.query(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const own = await new DataSource({ type: 'postgres', url: url.href }).initialize();
  await own.query(`CREATE TABLE jar (namespace text, id int, token text NOT NULL, PRIMARY KEY (namespace, id))`);
  await own.query(`CREATE TABLE written (namespace text, token text, PRIMARY KEY (namespace, token))`);
  await own.destroy();
  return {
    url: url.href,
    async drop() {
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.destroy();
    },
  };
}
