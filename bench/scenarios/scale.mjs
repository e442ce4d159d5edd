// Scenario L: which design serves which size. Nothing is timed: a seeded simulation is held against the formulas of
// docs/scale.md, with costs per delivery that were measured once. Deterministic: the same figures on every machine.
import { modelMemories, simulateBroadcast, simulateMemories } from '../scale-simulation.mjs';

const SEED = 20;
/** Microseconds of a broker's core per delivery: one message at a time, and 64 at a time. */
const ONE_BY_ONE = 4.6;
const BATCHED = 0.32;
/** A digest: so many bytes per invalidation. */
const DIGEST_BYTES = 8;

const SMALL = { instances: 50, keys: 20_000, reads: 20_000, invalidations: 200 };
const MEMORIES = [
  { name: 'T = 5 s, any key is written', ...SMALL, ttl: 5, follow: false },
  { name: 'T = 30 s, any key is written', ...SMALL, ttl: 30, follow: false },
  { name: 'T = 5 s, writes follow reads', ...SMALL, ttl: 5, follow: true },
  { name: 'T = 30 s, writes follow reads', ...SMALL, ttl: 30, follow: true },
  { name: 'the same, 10 groups by key', ...SMALL, ttl: 30, follow: true, affinity: 10 },
];

const SIZES = [
  [4, 100],
  [20, 1000],
  [100, 1000],
  [100, 10_000],
  [1000, 1000],
  [1000, 10_000],
  [10_000, 10_000],
];
const DESIGNS = [
  { name: 'one message each', costUs: ONE_BY_ONE, window: 0 },
  { name: 'batched', costUs: BATCHED, window: 0 },
  { name: 'batched, 100 groups', costUs: BATCHED, window: 0, groups: 100 },
  { name: 'digest each 100 ms', costUs: ONE_BY_ONE, window: 0.1, bytes: DIGEST_BYTES },
  { name: 'digest each 1 s', costUs: ONE_BY_ONE, window: 1, bytes: DIGEST_BYTES },
];

export function run() {
  console.log('  memories: share of reads answered, entries per instance, deliveries/s if holders alone were told');
  const memories = MEMORIES.map(({ name, ...shape }) => {
    const [simulated, model] = [simulateMemories(shape, 30, SEED), modelMemories(shape)];
    const pair = (field, digits) => `${simulated[field].toFixed(digits)} (formula ${model[field].toFixed(digits)})`;
    console.log(`    ${name.padEnd(30)} ${pair('hitRatio', 3)}  ${pair('held', 0)}  ${pair('tracked', 0)}`);
    return { name, ...shape, simulated, model };
  });
  console.log('  one broker that tells everybody: deliveries/s, cores, lateness p50 and p99');
  const broadcasts = SIZES.flatMap(([instances, invalidations]) => {
    console.log(`    N = ${instances}, I = ${invalidations}/s`);
    return DESIGNS.map(({ name, groups = 1, ...design }) => {
      const shape = { instances: Math.max(1, instances / groups), invalidations, ...design };
      const simulated = simulateBroadcast(shape, 20, SEED);
      const { deliveries, cores, p50, p99 } = simulated;
      const late = p50 === Infinity ? 'never catches up' : `${ms(p50)} and ${ms(p99)}`;
      console.log(
        `      ${name.padEnd(22)} ${deliveries.toExponential(1).padStart(8)}/s ${cores.toFixed(3).padStart(8)} cores  ${late}`,
      );
      return { instances, invalidations, design: name, ...simulated };
    });
  });
  return { memories, broadcasts };
}

function ms(value) {
  if (value < 0.1) return 'below 0.1 ms';
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}
