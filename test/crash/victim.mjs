// @ts-check
/**
 * A process that kills itself at the point its plan names. It may be anywhere else when it does: nothing is tidied up, no
 * buffer flushed, no connection closed.
 */
import { inside, larder } from '../chaos/library.mjs';
import { CLAIM_TTL_MS, POLL_MS } from './points.mjs';
import { openShop } from './shop.mjs';

/**
 * @typedef {import('./shop.mjs').ShopPlan & {
 *   point: import('./points.mjs').CrashPoint, passes: number, jars: readonly number[], life: string
 * }} VictimPlan `passes`: how often the point is passed before; `life`: names its writes
 */
/** @type {VictimPlan} */
const plan = JSON.parse(process.env.CRASH_PLAN ?? '');
const { point } = plan;
let passes = plan.passes;

/** @param {string} name */
function reach(name) {
  if (name === point.name && passes-- <= 0) die();
}

function die() {
  process.kill(process.pid, 'SIGKILL');
  for (;;); // nothing more may happen here
}

/**
 * Puts points around a method. `after` is passed only when the method has done something.
 * @param {any} target
 * @param {string} method
 * @param {{ before?: string, after?: string, only?: (args: any[]) => boolean }} points
 */
function surround(target, method, { before, after, only = () => true }) {
  const original = target[method].bind(target);
  target[method] = async (/** @type {any[]} */ ...args) => {
    if (before !== undefined && only(args)) reach(before);
    const result = await original(...args);
    const didNothing = result === 0 || result === false || (Array.isArray(result) && result.length === 0);
    if (after !== undefined && only(args) && !didNothing) reach(after);
    return result;
  };
}

if (point.role === 'writer') await write();
else await work(point.mood);

/** Commits and rolls back until it dies. */
async function write() {
  const fast = { only: (/** @type {any[]} */ args) => args[4] !== undefined }; // a commit of its own, not the polling
  const shop = await openShop(plan, {
    prepare(outbox, dataSource) {
      surround(outbox, 'claim', { before: 'fast path begun', after: 'fast path claimed', ...fast });
      surround(outbox, 'markPublished', { before: 'fast path applied', after: 'fast path marked' });
      dataSource.subscribers.push({
        afterTransactionStart: () => reach('transaction begun'),
        beforeQuery({ query }) {
          if (query !== 'COMMIT') return;
          reach('intents recorded');
          if (point.name === 'COMMIT under way') setImmediate(() => reach('COMMIT under way'));
        },
        afterQuery: ({ query }) => void (query === 'COMMIT' && reach('COMMIT answered')),
      });
    },
  });
  for (let n = 0; ; n += 1) {
    const jar = plan.jars[n % plan.jars.length];
    const nested = point.name === 'savepoint released' || n % 3 === 1;
    await shop.write(jar, `${plan.life}-${n}`, { rollsBack: n % 4 === 2, nested, reach });
    reach('caller answered');
  }
}

/**
 * Drains until it dies.
 * @param {import('./points.mjs').Mood} mood
 */
async function work(mood) {
  const { OutboxWorker } = await larder();
  const { OutboxApplier } = await inside('nest/durability/outbox-applier.js');
  const { outbox, runtime } = await openShop(plan, { durable: false });
  const applier = new OutboxApplier(runtime.invalidations, runtime.main.log);
  let fails = mood === 'cut off' || mood === 'refusing';
  const apply = applier.applyBatch.bind(applier);
  applier.applyBatch = async (/** @type {any[]} */ rows) => {
    if (mood === 'slow' || mood === 'stopped') await new Promise((resolve) => setTimeout(resolve, CLAIM_TTL_MS * 2));
    if (fails) throw failure(mood);
    const applied = apply(rows);
    setImmediate(() => reach('applying'));
    const position = await applied;
    reach('applied');
    return position;
  };
  surround(outbox, 'claim', { before: 'before claim', after: 'claimed' });
  surround(outbox, 'markPublished', { before: 'marking', after: 'marked' });
  surround(outbox, 'renew', { before: 'before renewal', after: 'renewed' });
  surround(outbox, 'release', { before: 'before release', after: 'released' });
  surround(outbox, 'markFailed', { before: 'before failure mark', after: 'failure marked' });
  const worker = new OutboxWorker(outbox, applier, plan.namespace, {
    pollIntervalMs: POLL_MS,
    claimTtlMs: CLAIM_TTL_MS,
    backoffMs: POLL_MS,
    maxAttempts: 1_000,
    batchSize: 3,
    stopTimeoutMs: CLAIM_TTL_MS,
  });
  worker.start();
  if (mood === 'stopped') await stop(worker);
  // A point that is behind the last row is reached by the next one only; the parent writes until the victim is dead.
}

/** @param {import('./points.mjs').Mood} mood */
function failure(mood) {
  return mood === 'cut off'
    ? Object.assign(new Error('the connection is gone'), { code: 'ECONNRESET' })
    : new Error('refused');
}

/**
 * Stops the worker in the middle of its first batch.
 * @param {any} worker
 */
async function stop(worker) {
  while (worker.deliveries.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const laterMs = 10 + 40 * passes; // there is one stop in a life: what varies is when in it
  passes = 0;
  if (point.name === 'stopping') setTimeout(() => reach('stopping'), laterMs);
  await worker.stop();
  reach('stopped');
}
