// @ts-check
/**
 * `npm run test:soak [-- --seed N] [--seconds S]`: three processes that read, besides the cells of the chaos run, keys with
 * tags and patterns that nobody asks for again, from a Redis with too little memory for them (allkeys-lru), under faults.
 * Every read is checked; what is evicted may cost hits only; and the processes' resident memory may not grow. The last
 * line is `N passed, N failed`.
 */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.mjs';
import { buildLibrary } from './library.mjs';

/** Those that leave every process its life, so that its memory can be followed. */
const FAULTS = [
  'memory squeezed',
  'kill -9 and restart empty',
  'any key deleted',
  'log trimmed',
  'scripts forgotten',
  'clients killed',
  'all cut',
  'bus cut 3 s',
  'blackhole',
  'slow loader',
];

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(1 + (Date.now() % 1_000_000)) },
    seconds: { type: 'string', default: '30' },
    churn: { type: 'string', default: '300' },
  },
});
await buildLibrary();
const seconds = Number(values.seconds);
console.log(`seed ${values.seed}, L = 500 ms, allkeys-lru, ${seconds} s`);
const { verdicts } = await runCampaign({
  topology: 'pressed',
  leaseMs: 500,
  seed: Number(values.seed),
  seconds,
  leastReads: seconds * 1000,
  readsPerSecond: 1500,
  churn: Number(values.churn),
  only: FAULTS,
  say: (line) => console.log(line),
});
for (const { name, passed, detail, figures } of verdicts) {
  if (!passed || figures) console.log(`${passed ? 'passed' : 'FAILED'}  ${name}${detail && `: ${detail}`}`);
}
const failed = verdicts.filter(({ passed }) => !passed).length;
console.log(`${verdicts.length - failed} passed, ${failed} failed`);
// Not by itself: after ten minutes of connections that were reset, Node 20 was seen to clean up its handles for ever.
process.exit(failed > 0 ? 1 : 0);
