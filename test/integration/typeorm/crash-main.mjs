// @ts-check
/**
 * A writer and a worker in one process, which dies by SIGKILL at a labelled point. What it has committed and what it has
 * applied stand in the database, where the test compares them.
 */
import { DataSource } from 'typeorm';
import { inside, larder } from '../../chaos/library.mjs';

/**
 * @typedef {object} CrashPlan
 * @property {string} url
 * @property {string} point where to die
 * @property {number} times how often the point is passed before
 * @property {number} seed distinguishes the writes of this life from those of all others
 */
/** @type {CrashPlan} */
const plan = JSON.parse(process.env.CRASH_PLAN ?? '');
const { OutboxWorker } = await larder();
const { typeormOutbox } = await inside('adapters/typeorm/index.js');

let passed = 0;

/** @param {string} point */
function reach(point) {
  if (point !== plan.point || passed++ < plan.times) return;
  process.kill(process.pid, 'SIGKILL');
  for (;;); // nothing more may happen here
}

/** @param {any} target @param {string} method @param {string} before @param {string} after */
function watch(target, method, before, after) {
  const original = target[method].bind(target);
  target[method] = async (/** @type {unknown[]} */ ...args) => {
    reach(before);
    const result = await original(...args);
    if (!Array.isArray(result) || result.length > 0) reach(after);
    return result;
  };
}

const dataSource = await new DataSource({ type: 'postgres', url: plan.url }).initialize();
const truth = await new DataSource({ type: 'postgres', url: plan.url }).initialize();
const outbox = typeormOutbox({ dataSource, listen: false });
await outbox.open('shop');
dataSource.subscribers.push({
  afterTransactionStart: () => reach('begun'),
  beforeQuery: ({ query }) => void (query === 'COMMIT' && reach('before commit')),
  afterQuery: ({ query }) => void (query === 'COMMIT' && reach('committed')),
  afterTransactionCommit: () => reach('hooks run'),
});
watch(outbox, 'claim', 'before claim', 'claimed');
watch(outbox, 'markPublished', 'before mark', 'marked');

const applier = {
  /** @param {{ value: string }} intent */
  async applyInvalidation(intent) {
    reach('before apply');
    await truth.query('INSERT INTO applied VALUES ($1)', [intent.value]);
    reach('applied');
  },
};
new OutboxWorker(outbox, applier, 'shop', { pollIntervalMs: 10, claimTtlMs: 300, batchSize: 4 }).start();

for (let n = 0; ; n += 1) {
  const name = `${plan.seed}-${n}`;
  const rollsBack = n % 4 === 3;
  await dataSource
    .transaction(async (manager) => {
      await manager.query('INSERT INTO written VALUES ($1)', [name]);
      reach('written');
      outbox.collect(manager).tag(name);
      if (rollsBack) throw new Error('rolled back');
    })
    .catch((/** @type {Error} */ error) => {
      if (error.message !== 'rolled back') throw error;
    });
}
