// `npm run bench [-- scenario …]`: prints medians and ratios of each scenario and keeps them as JSON in bench/results.
// Nothing here gates a test: figures depend on the machine, only ratios of one run are worth comparing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { buildWhatIsOld } from '../launcher/build.mjs';

/** In the order of the quality goals. */
const SCENARIOS = {
  'l1-hit': 'A: hit in memory through the decorator',
  'l1-hit-watched': 'A: hit in memory while exporters watch',
  keys: 'A: key generation',
  'l1-hit-leased': 'A: hit in memory under the lease of the Redis tier',
  'l2-hit': 'B: hit in Redis, at 1, 16 and 256 at a time',
  invalidation: 'C: an invalidation on one instance until another stops serving',
  'cold-key': 'D: 10,000 calls of one cold key at once',
  'cold-cluster': 'E: 4 processes x 1,000 calls of one cold key',
  removal: 'F: invalidation by tag and by pattern as the cache grows',
  'hit-ratio': 'G: share of a skewed load answered with room for 1 % of the ids',
  'l1-store': 'H: the memory tier below the engine, and what isolation costs',
  outbox: 'I: the outbox worker against SQL by hand, and what an intent adds to a write',
  codec: 'J: the codec of the shared tiers',
  'decision-removal': 'K: decisions removed by policy hash, 10,000 of 1,000,000 in PostgreSQL',
  scale: 'L: which design serves which size, simulated and by formula',
  'invalidation-api': 'M: POST /invalidate/key, beside what it cannot do without',
  prefix: 'prefix index: 80 candidates among a million rows, and in Redis',
  dht: 'put and get of 1 KB in a DHT of ten nodes, beside kad-dht as it comes',
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0) {
  console.error(`Unknown scenario ${unknown.join(', ')}. Known: ${Object.keys(SCENARIOS).join(', ')}.`);
  process.exit(2);
}

await buildWhatIsOld(join(import.meta.dirname, '..'));
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`);
for (const name of wanted.length > 0 ? wanted : Object.keys(SCENARIOS)) {
  console.log(`\n${SCENARIOS[name]}`);
  const { run } = await import(`./scenarios/${name}.mjs`);
  const result = await run();
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, `${name}.json`),
    `${JSON.stringify({ at: new Date().toISOString(), node: process.version, ...result }, null, 2)}\n`,
  );
}
