// @ts-check
/**
 * `npm run test:chaos [-- --seed N] [--seconds S] [--lease MS] [--history floor|replay] [--topology pair|cluster] [--reads N]`:
 * three processes, real servers, every fault, every read checked. Without `--lease` and `--history` it runs three times: at
 * the default lease, at a short one, and at the short one with histories repaired by replay. Without `--topology` that is
 * over two servers, and a short run over a Cluster follows. The seed repeats the schedule of faults. The last line is
 * `N passed, N failed`.
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
    topology: { type: 'string' },
    only: { type: 'string', multiple: true },
  },
});
const seed = Number(values.seed);
await buildLibrary();
const seconds = Number(values.seconds);
const leases = values.lease === undefined ? [2000, 500] : [Number(values.lease)];
const histories = values.history === undefined ? ['floor', 'replay'] : [values.history];
/** Every lease with the usual repair of a changed history; replay once, with the shortest. */
const cells = histories.flatMap((history) =>
  (history === 'replay' ? leases.slice(-1) : leases).map((leaseMs) => ({
    leaseMs,
    history,
    seconds,
    only: values.only,
  })),
);
/** Beside the runs of the pair, what is peculiar to a Cluster; all of its faults with `--topology cluster`. */
const CLUSTER_CELL = {
  leaseMs: leases.at(-1) ?? 500,
  history: histories[0],
  seconds: Math.min(seconds, 20),
  only: [
    'primary killed',
    'primary back at once and empty',
    'slots of values moved',
    'slot of the control record moved',
    'any key deleted',
    'one node out of reach',
    'all cut',
    'worker stopped and continued',
    'slow loader',
  ],
};
/** @param {'pair' | 'cluster'} topology */
const of = (topology) => (/** @type {typeof cells[number]} */ cell) => ({ ...cell, topology });
const runs =
  values.topology === 'cluster'
    ? cells.map(of('cluster'))
    : [...cells.map(of('pair')), ...(values.topology === 'pair' ? [] : [of('cluster')(CLUSTER_CELL)])];

let passed = 0;
let failed = 0;
for (const run of runs) {
  console.log(`seed ${seed}, ${run.topology}, L = ${run.leaseMs} ms, ${run.history}, ${run.seconds} s`);
  const { only, ...rest } = run;
  const { verdicts } = await runCampaign({
    ...rest,
    seed,
    // By its time, so that the runs of the gate check more than a million together. A Cluster takes two steps for one.
    leastReads: Number(values.reads ?? Math.floor((run.seconds / 40) * (run.topology === 'pair' ? 350_000 : 150_000))),
    readsPerSecond: Number(values.rate),
    mutant: values.mutant ?? null,
    ...(only && { only }),
    say: (line) => console.log(line),
  });
  for (const { name, passed: good, detail, figures } of verdicts) {
    if (!good) console.log(`FAILED  ${name}${detail && `: ${detail}`}`);
    else if (figures) console.log(`  ${name}: ${detail}`);
    if (good) passed += 1;
    else failed += 1;
  }
}
console.log(`${passed} passed, ${failed} failed`);
// Not by itself: after ten minutes of connections that were reset, Node 20 was seen to clean up its handles for ever.
process.exit(failed > 0 ? 1 : 0);
