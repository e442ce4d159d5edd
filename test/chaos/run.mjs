// @ts-check
/**
 * `npm run test:chaos [-- --seed N] [--seconds S] [--lease MS] [--reads N]`: three processes, two Redis servers, every
 * fault, every read checked. Without `--lease` both leases are run, the default one and a short one. The last line is
 * `N passed, N failed`; the seed repeats the schedule of faults.
 */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.mjs';
import { buildLibrary } from './library.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(1 + (Date.now() % 1_000_000)) },
    seconds: { type: 'string', default: '55' },
    lease: { type: 'string' },
    reads: { type: 'string' },
    rate: { type: 'string', default: '8000' },
    mutant: { type: 'string' },
    history: { type: 'string', default: 'floor' },
    only: { type: 'string', multiple: true },
  },
});
const seed = Number(values.seed);
await buildLibrary();
const seconds = Number(values.seconds);
const leases = values.lease === undefined ? [2000, 500] : [Number(values.lease)];
/** The gate's share of a million reads, by its time. */
const leastReads = Number(values.reads ?? Math.floor((seconds / 55) * 500_000));

let passed = 0;
let failed = 0;
for (const leaseMs of leases) {
  console.log(`seed ${seed}, L = ${leaseMs} ms, ${seconds} s`);
  const { verdicts } = await runCampaign({
    leaseMs,
    seed,
    seconds,
    leastReads,
    readsPerSecond: Number(values.rate),
    mutant: values.mutant ?? null,
    history: values.history,
    ...(values.only && { only: values.only }),
    say: (line) => console.log(line),
  });
  for (const { name, passed: good, detail } of verdicts) {
    if (!good) console.log(`FAILED  ${name}${detail && `: ${detail}`}`);
    if (good) passed += 1;
    else failed += 1;
  }
}
process.exitCode = failed > 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed`);
