// @ts-check
/**
 * `npm run demo:p2p`: five instances that share values without any server. Two are killed, and reads go on; a revoke on one
 * reaches all. Stops everything and ends by itself.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { buildWhatIsOld } from './build.mjs';
import { guardProcess } from './watchdog.mjs';

const INSTANCES = 5;
const PRODUCTS = 200;
const WITHIN_MS = 60_000;
const root = fileURLToPath(new URL('..', import.meta.url));
const psk = randomBytes(32).toString('hex');

/** @typedef {Awaited<ReturnType<typeof open>>} Instance */
/** @type {Instance[]} */
let instances = [];
try {
  await buildWhatIsOld(root, ['cache']);
  const first = await open('A', []);
  instances = [first];
  const others = Array.from({ length: INSTANCES - 1 }, (_, n) => open(String.fromCharCode(66 + n), first.addresses));
  instances.push(...(await Promise.all(others)));
  await until(async () => (await all('peers')).every((peers) => peers === INSTANCES - 1));
  console.log(`${INSTANCES} instances are connected, each with ${INSTANCES - 1} others; no server is running.\n`);
  await show();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  for (const { stop } of instances) await stop();
}

async function show() {
  const [a, b, c, d] = /** @type {[Instance, Instance, Instance, Instance]} */ (instances);
  console.log(`A reads ${PRODUCTS} products: ${await a.ask('read', 0, PRODUCTS)} loads`);
  console.log(`B reads the same: ${await b.ask('read', 0, PRODUCTS)} loads; the network had the others`);
  await until(async () => sum(await all('copies')) === 3 * PRODUCTS);
  console.log(`Copies on A to E: ${(await all('copies')).join(', ')}, three of each product\n`);

  for (const victim of [a, b]) await victim.kill();
  instances = instances.filter((each) => each !== a && each !== b);
  const killedAt = performance.now();
  console.log(`A and B are killed. C reads: ${await c.ask('read', 0, PRODUCTS)} loads`);
  await until(async () => sum(await all('copies')) === 3 * PRODUCTS);
  const seconds = ((performance.now() - killedAt) / 1000).toFixed(1);
  console.log(`${seconds} s later the others hold three copies of each again: ${(await all('copies')).join(', ')}`);
  console.log(`D reads: ${await d.ask('read', 0, PRODUCTS)} loads\n`);

  const tookMs = await d.ask('revoke');
  console.log(
    `D revokes product:* (${tookMs.toFixed(1)} ms). Each of the others reads 10 products of its memory again:`,
  );
  await until(async () => sum(await all('copies')) === 0);
  for (const [n, each] of instances.entries()) {
    console.log(`  ${each.name}: ${await each.ask('read', n * 10, n * 10 + 10)} loads`);
  }
}

/** @param {string} name @param {readonly string[]} bootstrap */
async function open(name, bootstrap) {
  const main = fileURLToPath(new URL('demo-p2p-node.mjs', import.meta.url));
  const child = fork(main, [], { env: { ...process.env, DEMO_P2P: JSON.stringify({ psk, bootstrap }) } });
  const release = child.pid ? guardProcess(child.pid, 'SIGKILL') : () => {};
  const gone = once(child, 'exit').then(release);
  /** @type {Map<number, (answer: number) => void>} */
  const asked = new Map();
  let next = 0;
  const addresses = await new Promise((resolve, reject) => {
    child.on('message', (/** @type {any} */ message) => {
      if (message.addresses) resolve(message.addresses);
      else asked.get(message.id)?.(message.answer);
    });
    child.once('exit', () => reject(new Error(`Expected instance ${name} to start, it ended; see above.`)));
  });
  /** @param {string} question @param {number} [from] @param {number} [to] @returns {Promise<number>} */
  const ask = (question, from, to) =>
    new Promise((resolve) => {
      next += 1;
      asked.set(next, resolve);
      child.send({ id: next, ask: question, from, to });
    });
  const kill = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  const stop = async () => {
    if (child.connected) child.disconnect();
    await gone;
  };
  return { name, addresses: /** @type {readonly string[]} */ (addresses), ask, kill, stop };
}

/** @param {string} question */
function all(question) {
  return Promise.all(instances.map(({ ask }) => ask(question)));
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}

/** @param {() => Promise<boolean>} holds */
async function until(holds) {
  for (const deadline = performance.now() + WITHIN_MS; !(await holds());) {
    if (performance.now() > deadline) throw new Error('Expected the network to settle within a minute, it did not.');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
