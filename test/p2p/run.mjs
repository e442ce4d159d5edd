// @ts-check
/**
 * `npm run test:p2p [-- --nodes N] [--keys N] [--values N]`: a network of N processes on loopback, and everything that must hold in it, with
 * figures. The last line is `N passed, N failed`.
 */
import { parseArgs } from 'node:util';
import * as scenarios from './scenarios.mjs';
import { Swarm } from './swarm.mjs';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '20' },
    keys: { type: 'string', default: '2000' },
    values: { type: 'string', default: '100000' },
  },
});
const nodes = Number(values.nodes);
const keys = Number(values.keys);
const many = Number(values.values);
const whole = [nodes, keys, many].every(Number.isInteger);
if (!(whole && nodes >= 3 && nodes <= 60 && keys > 0 && many >= 1000)) {
  console.error('Expected --nodes from 3 to 60, --keys above 0 and --values from 1000.');
  process.exit(2);
}

/** @type {[string, (swarm: Swarm) => Promise<unknown>][]} */
const runs = [
  ['speed', (swarm) => scenarios.speed(swarm, { keys })],
  ['revoke', scenarios.revoke],
  ['late fill', scenarios.lateFill],
  ['hang', (swarm) => scenarios.hang(swarm, { keys })],
  ['kill and join', (swarm) => scenarios.churn(swarm, { keys })],
  ['short sleep', (swarm) => scenarios.rejoin(swarm, { longerThanTimeout: false })],
  ['long sleep', (swarm) => scenarios.rejoin(swarm, { longerThanTimeout: true })],
  ['partition', scenarios.partition],
  ['isolation', scenarios.isolation],
  ['skew', scenarios.skew],
];

const swarm = new Swarm();
/** @type {string[]} */
const failed = [];
try {
  const startedAt = performance.now();
  await swarm.start(nodes);
  console.log(`${nodes} nodes know each other after ${Math.round(performance.now() - startedAt)} ms`);
  for (const [name, run] of runs) await attempt(name, () => run(swarm));
} finally {
  await swarm.stop();
}
await attempt('bounded', () => scenarios.bounded({ keys: many }));
console.log(`${runs.length + 1 - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** @param {string} name @param {() => Promise<unknown>} run */
async function attempt(name, run) {
  try {
    const figures = await run();
    console.log(`passed  ${name}  ${figures === undefined ? '' : JSON.stringify(figures)}`);
  } catch (error) {
    failed.push(name);
    console.log(`FAILED  ${name}`, error);
  }
}
