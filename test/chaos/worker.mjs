// @ts-check
/**
 * One process of a chaos run: a Nest application that reads and writes cells through the library's public doors, and holds
 * every read against the truth. It is told what to do, and tells what it saw, by IPC; it ends when its parent does.
 */
import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { allCells, groupOf, pickKind } from './cells.mjs';
import { Checker } from './checker.mjs';
import { MUTANTS, readPlainly, replayHistories, skewServerClocks } from './mutants.mjs';
import { SeededRandom } from './seeded-random.mjs';
import { Truth, now } from './truth.mjs';
import { appModule } from './worker-app.mjs';

/**
 * @typedef {object} WorkerOptions
 * @property {number} id
 * @property {number} workers
 * @property {{ url: string } | { cluster: { nodes: string[], options: object } }} place where it reaches the servers
 * @property {string} truth
 * @property {number} leaseMs
 * @property {number} seed
 * @property {number} readsPerSecond
 * @property {string | null} mutant
 * @property {number} churn keys a second that are read once and never again
 * @property {string} history what a changed history is repaired by: `floor` or `replay`
 */

/** @type {WorkerOptions} */
const options = JSON.parse(process.env.CHAOS_WORKER ?? '{}');
const { id, leaseMs } = options;
const READERS = 32;
const WRITERS = 3;
const TICK_MS = 5;

const random = new SeededRandom(options.seed);
const truth = Truth.open(options.truth);
const checker = new Checker(truth, leaseMs);
const cells = allCells(options.workers);
const mine = cells.filter((cell) => cell.owner === id);
/** @type {AsyncLocalStorage<{ tier: string, outcome: string }>} */
const callOf = new AsyncLocalStorage();

const settings = { wallOffsetMs: 0, slowLoaderMs: /** @type {[number, number] | null} */ (null), running: true };
/** Versions whose invalidation this process had acknowledged. */
const acknowledged = new Float64Array(cells.length);
const pending = new Set();
const counts = {
  /** @type {Record<string, number>} */ tiers: {},
  /** @type {Record<string, number>} */ fenced: {},
  /** @type {Record<string, number>} */ resets: {},
  /** @type {Record<string, number>} */ attached: {},
  /** @type {Record<string, number>} */ trouble: {},
  /** @type {Record<string, number>} */ refused: {},
  writes: 0,
  strict: 0,
  loads: 0,
};
/** @type {string[]} */
const complaints = [];
let ready = false;
let rss = process.memoryUsage().rss;

process.on('unhandledRejection', (error) => complain('unhandled rejection', error));
process.on('uncaughtException', (error) => complain('uncaught exception', error));
process.on('disconnect', () => process.exit(1));

if ('url' in options.place) await skewServerClocks(); // in a Cluster no script may look at a key of another slot
if (options.seed % 3 > 0 || options.mutant !== null) await readPlainly();
if (options.history === 'replay') await replayHistories();
if (options.mutant !== null) await MUTANTS[options.mutant]();

const { module, doors, runtimeToken } = await appModule({
  place: options.place,
  leaseMs,
  wallOffsetMs: () => settings.wallOffsetMs,
  load,
  ...(options.churn > 0 && { smallBounds: true }), // soon full, so that it can be seen to stay so
});
const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
const runtime = app.get(runtimeToken);
const { read, invalidate, churn } = doors(app);
watch();
process.on('message', (/** @type {any} */ message) => void obey(message));
ready = true;
process.send?.({ ready });

const work = [...Array.from({ length: READERS }, reading), ...Array.from({ length: WRITERS }, writing), churning()];
const reporting = setInterval(() => report(), 200);
const weighing = options.churn > 0 ? setInterval(weigh, 1000) : undefined;

/** @param {{ set?: Partial<typeof settings>, stop?: true }} message */
async function obey({ set, stop }) {
  Object.assign(settings, set);
  if (!stop) return;
  settings.running = false;
  await Promise.all(work);
  clearInterval(reporting);
  clearInterval(weighing);
  const health = runtime.main.log.health();
  const started = now();
  await app.close();
  if (now() - started > 5000) complain('close', new Error(`took ${Math.round(now() - started)} ms`));
  report(health);
  process.disconnect?.();
  process.exit(0);
}

/** What is kept, and not what is still to be collected: a collector that is in no hurry looks like a leak. */
function weigh() {
  globalThis.gc?.();
  rss = process.memoryUsage().rss;
}

function report(health = runtime.main.log.health()) {
  const { checked, staleWithinBound, oldestMs, undecided, violations, violated } = checker;
  const seen = { checked, staleWithinBound, oldestMs, undecided, violations, violated, rss };
  process.send?.({ report: { ...seen, ...counts, complaints, pending: pending.size, health } });
}

/**
 * @param {string} where
 * @param {unknown} error
 */
function complain(where, error) {
  if (!ready) {
    console.error(`worker ${id} cannot start:`, error);
    process.exit(1);
  }
  if (complaints.length < 20) complaints.push(`${where}: ${error instanceof Error ? error.stack : String(error)}`);
}

/** @param {Record<string, number>} counter @param {string} name */
function count(counter, name, by = 1) {
  counter[name] = (counter[name] ?? 0) + by;
}

function watch() {
  const { engine, coherence } = runtime.main;
  engine.events.on('read', (/** @type {any} */ event) => {
    const call = callOf.getStore();
    if (call !== undefined) Object.assign(call, { tier: event.tier, outcome: event.outcome });
  });
  engine.events.on('fenced', (/** @type {any} */ { tier }) => count(counts.fenced, tier));
  coherence.on('reset', (/** @type {any} */ { cause }) => count(counts.resets, cause));
  coherence.on('attached', (/** @type {any} */ { kind }) => count(counts.attached, kind));
  coherence.on('trouble', (/** @type {any} */ { code }) => count(counts.trouble, code));
}

/**
 * The source: reads first and answers later, so that what it answers may be old by then. That is the load that all fences
 * are there for.
 * @param {readonly number[]} indexes
 */
async function load(indexes) {
  counts.loads += 1;
  const versions = indexes.map((index) => truth.version(index));
  const slow = settings.slowLoaderMs;
  if (slow !== null && random.chance(0.3)) await sleep(random.between(...slow));
  else if (random.chance(0.3)) await sleep(random.between(1, 15));
  else if (random.chance(0.5)) await new Promise((resolve) => setImmediate(resolve));
  return versions;
}

async function reading() {
  const perTick = Math.ceil((options.readsPerSecond * TICK_MS) / 1000 / READERS);
  while (settings.running) {
    for (let turn = 0; turn < perTick; turn += 1) {
      try {
        if (random.chance(0.1)) await readMany();
        else await readOne(random.pick(cells));
      } catch (error) {
        complain('a read failed', error);
      }
    }
    await sleep(TICK_MS);
  }
}

/** @param {import('./cells.mjs').Cell} cell */
async function readOne(cell) {
  const call = { tier: 'none', outcome: '' };
  const own = acknowledged[cell.index];
  const leased = runtime.main.log.leaseLive(runtime.clock.monotonic());
  const startedAt = now();
  const version = await callOf.run(call, () => read.one(cell));
  judge({ cell: cell.index, version, startedAt, ...call, leased, own });
}

/** One call for several ids. What answered each of them is not told apart, so the bound of memory applies to all. */
async function readMany() {
  const asked = random.shuffled(cells.filter(({ kind }) => kind === 'many')).slice(0, random.between(2, 6));
  const own = asked.map(({ index }) => acknowledged[index]);
  const startedAt = now();
  const versions = await read.many(asked);
  asked.forEach(({ index }, nth) =>
    judge({ cell: index, version: versions[nth], startedAt, tier: 'bulk', outcome: '', leased: false, own: own[nth] }),
  );
}

/** @param {import('./checker.mjs').Reading} reading */
function judge(reading) {
  count(counts.tiers, reading.tier);
  checker.check(reading);
}

/** Keys, tags and patterns that nobody asks for again. */
async function churning() {
  for (let serial = 0; settings.running && options.churn > 0; serial += 1) {
    await churn(`${id}-${process.pid}-${serial}`, serial).catch((/** @type {unknown} */ error) => {
      const code = /** @type {{ code?: string }} */ (error).code ?? 'none';
      if (code.startsWith('LARDER_LOG_')) count(counts.refused, code);
      else complain('churn failed', error);
    });
    await sleep(1000 / options.churn);
  }
}

async function writing() {
  while (settings.running) {
    try {
      await write();
    } catch (error) {
      complain('a write failed', error);
    }
    await sleep(random.between(2, 25));
  }
}

/** Commits, then invalidates until that is acknowledged. Only then the others are under an obligation. */
async function write() {
  const kind = pickKind(random);
  const free = mine.filter((cell) => cell.kind === kind && !pending.has(cell.index));
  if (free.length === 0) return;
  const first = random.pick(free);
  const together =
    kind === 'collection' || kind === 'pattern' ? free.filter((cell) => groupOf(cell) === groupOf(first)) : [first];
  const targets = kind === 'scope' || kind === 'flush' ? free : together;
  const written = targets.map((cell) => ({ cell, version: truth.commit(cell.index) }));
  for (const { cell } of written) pending.add(cell.index);
  const strict = random.chance(0.03);
  while (settings.running) {
    try {
      await invalidate(first, strict ? 'cluster' : 'applied');
      const at = now();
      for (const { cell, version } of written) {
        acknowledged[cell.index] = version;
        truth.acknowledge(cell.index, { at, version, strict });
      }
      counts.writes += 1;
      counts.strict += Number(strict);
      break;
    } catch (error) {
      const code = /** @type {{ code?: string }} */ (error).code ?? 'none';
      count(counts.refused, code);
      if (!['LARDER_LOG_UNAVAILABLE', 'LARDER_LOG_UNCERTAIN'].includes(code)) throw error;
      await sleep(random.between(5, 60));
    }
  }
  for (const { cell } of written) pending.delete(cell.index);
}
