// @ts-check
/**
 * `npm run test:chaos [-- --seed N] [--seconds S] [--lease MS] [--history floor|replay] [--reads N]`: three processes, two
 * Redis servers, every fault, every read checked. Without `--lease` and `--history` it runs three times: at the default
 * lease, at a short one, and at the short one with histories repaired by replay. The seed repeats the schedule of faults.
 * The last line is `N passed, N failed`.
 */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.mjs';
import { buildLibrary } from './library.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(1 + (Date.now() % 1_000_000)) },
    seconds: { type: 'string', default: '40' },
    lease: { type: 'string' },
    reads: { type: 'string' },
    rate: { type: 'string', default: '8000' },
    mutant: { type: 'string' },
    history: { type: 'string' },
    only: { type: 'string', multiple: true },
  },
});
const seed = Number(values.seed);
await buildLibrary();
const seconds = Number(values.seconds);
const leases = values.lease === undefined ? [2000, 500] : [Number(values.lease)];
const histories = values.history === undefined ? ['floor', 'replay'] : [values.history];
/** Every lease with the usual repair of a changed history; replay once, with the shortest. */
const runs = histories.flatMap((history) =>
  (history === 'replay' ? leases.slice(-1) : leases).map((leaseMs) => ({ leaseMs, history })),
);
/** By its time, so that the runs of the gate check more than a million together. */
const leastReads = Number(values.reads ?? Math.floor((seconds / 40) * 350_000));

let passed = 0;
let failed = 0;
for (const { leaseMs, history } of runs) {
  console.log(`seed ${seed}, L = ${leaseMs} ms, ${history}, ${seconds} s`);
  const { verdicts } = await runCampaign({
    leaseMs,
    seed,
    seconds,
    leastReads,
    readsPerSecond: Number(values.rate),
    mutant: values.mutant ?? null,
    history,
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
