// @ts-check
/**
 * One application process of the cluster cases: the built library in a Nest application, told by IPC what to do. Loads can
 * be held at gates, so that a case decides what overlaps with what, and no timer does.
 */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { larder } from '../../chaos/library.mjs';
import { now } from '../../chaos/truth.mjs';
import { shopModule } from './app-module.mjs';
import { Source } from './source.mjs';

/** @typedef {import('./app-module.mjs').ShopOptions & { source: string }} AppOptions */

/** @type {AppOptions} */
const options = JSON.parse(process.env.CLUSTER_CASE ?? '{}');
/** @type {string[]} */
const mishaps = [];
process.on('unhandledRejection', (error) => mishaps.push(`unhandled rejection: ${describe(error)}`));
process.on('uncaughtException', (error) => mishaps.push(`uncaught exception: ${describe(error)}`));
process.on('disconnect', () => process.exit(1));

/** @type {Map<string, { opened: Promise<void>, open: () => void }>} */
const gates = new Map();
/** @type {Map<string, number>} */
const loads = new Map();
/** @type {Map<string, () => void>} */
const arrivals = new Map();
/** @type {Set<string>} */
const waiting = new Set();

/** Reads at once and answers when its gate is open: what it answers may be old by then. @param {string} key */
async function load(key) {
  loads.set(key, (loads.get(key) ?? 0) + 1);
  const value = source.read(key);
  const gate = gates.get(key);
  if (gate === undefined) return value;
  waiting.add(key);
  arrivals.get(key)?.();
  await gate.opened;
  return value;
}

const source = new Source(options.source);
const { CacheActions, CacheHealth, CacheService, InvalidationIntent } = await larder();
const started = now();
const { module, Shop } = await shopModule(options, { load, source });
const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false }).catch(
  (error) => {
    process.send?.({ failed: { code: error.code, message: error.message }, bootMs: now() - started });
    process.exit(0);
  },
);
const shop = /** @type {Record<string, (...args: unknown[]) => Promise<unknown>>} */ (app.get(Shop));
const cache = app.get(CacheService);
const actions = app.get(CacheActions);

/** @type {Record<string, (...args: any[]) => unknown>} */
const commands = {
  call: (name, ...args) => shop[name](...args),
  /** Many calls at once. */
  storm: async (name, argument, times) => {
    const settled = await Promise.allSettled(Array.from({ length: times }, () => shop[name](argument)));
    const values = settled.map((one) =>
      one.status === 'fulfilled' ? JSON.stringify(one.value) : `failed: ${one.reason}`,
    );
    return [...new Set(values)];
  },
  /** Reads again and again for a time, and tells when each read began and what it returned. */
  watch: async (name, argument, forMs) => {
    const until = now() + forMs;
    const seen = [];
    while (now() < until) {
      const startedAt = now();
      seen.push({ startedAt, value: await shop[name](argument) });
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return seen;
  },
  invalidate: (intents, how) =>
    cache.invalidate(
      intents.map((/** @type {any} */ [kind, ...args]) => /** @type {any} */ (InvalidationIntent)[kind](...args)),
      how,
    ),
  act: (scope, action, ...args) => /** @type {any} */ (actions.for(scope))[action](...args),
  getOrSet: (key, how) => cache.getOrSet(key, () => load(key), how),
  set: (key, value, how) => cache.set(key, value, how),
  delete: (key, how) => cache.delete(key, how),
  explain: (key, how) => cache.explain(key, how),
  close: (key) => {
    let open = () => {};
    const opened = /** @type {Promise<void>} */ (new Promise((resolve) => (open = () => resolve())));
    gates.set(key, { opened, open });
  },
  open: (key) => {
    gates.get(key)?.open();
    gates.delete(key);
    waiting.delete(key);
  },
  /** Resolves when a load of the key has read and waits at its gate. */
  arrived: (key) =>
    waiting.has(key) ? undefined : new Promise((resolve) => arrivals.set(key, () => resolve(undefined))),
  loads: (key) => loads.get(key) ?? 0,
  health: () => app.get(CacheHealth).report(),
  mishaps: () => mishaps,
  bootMs: () => bootMs,
  /** What is used after rubbish was collected. */
  memory: () => {
    for (let turn = 0; turn < 3; turn += 1) globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    return { heapUsed, rss };
  },
  /** Keys, tags and patterns that nobody will ask for again. */
  churn: async (round, count) => {
    for (let from = 0; from < count; from += 100) {
      const names = Array.from({ length: 100 }, (_, nth) => `${round}-${from + nth}`);
      await Promise.all(
        names.map((name) => cache.getOrSet(`churn:${name}`, () => ({ name }), { ttl: '300ms', tags: [`tag:${name}`] })),
      );
      await cache.invalidate(names.slice(0, 5).map((name) => InvalidationIntent.tag(`tag:${name}`)));
      await cache.revoke(`churn:${names[0]}*`);
    }
  },
  end: () => app.close(),
};

process.on('message', (/** @type {any} */ { id, command, args }) => {
  void (async () => {
    try {
      process.send?.({ id, value: await commands[command](...args), at: now() });
    } catch (error) {
      process.send?.({
        id,
        error: { name: /** @type {any} */ (error).name, code: /** @type {any} */ (error).code, message: String(error) },
      });
    }
  })();
});
const bootMs = now() - started;
process.send?.({ ready: true, bootMs });

/** @param {unknown} error */
function describe(error) {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
