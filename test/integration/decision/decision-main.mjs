// @ts-check
/**
 * An instance of an application with a decision cache, in a process of its own. It does what it is told by IPC, and tells
 * what came of it; factories and writes to the durable tier can be held.
 */
import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { inside, larder, larderRedis } from '../../chaos/library.mjs';

const { postgresUrl, redisUrl } = JSON.parse(process.env.DECISION_APP ?? '');
const { CacheModule } = await larder();
const { redis } = await larderRedis();
const { typeormAudit, typeormDecisions } = await inside('adapters/typeorm/index.js');
const { DecisionCacheModule, DecisionCacheService, DecisionStatus } = await inside('nest/decision/index.js');

const dataSource = await new DataSource({ type: 'postgres', url: postgresUrl }).initialize();
const store = typeormDecisions({ dataSource });

/** Gates by name; who meets a closed one says so and waits. @type {Map<string, { gate: Promise<void>, open: () => void }>} */
const gates = new Map();
const write = store.write.bind(store);
store.write = async (/** @type {unknown[]} */ ...args) => {
  await pass('write');
  return write(...args);
};

class App {}
Module({
  imports: [
    CacheModule.forRoot({
      namespace: 'gate',
      backend: redis({ url: redisUrl, lease: '500ms' }),
      audit: typeormAudit({ dataSource }),
      defaults: { softTimeout: '5s' },
    }),
    DecisionCacheModule.forRoot({ store, storeTimeout: '10s' }),
  ],
})(App);
const app = await NestFactory.createApplicationContext(App, { logger: false });
const decisions = app.get(DecisionCacheService);

/** @type {Record<string, (...args: any[]) => unknown>} */
const orders = {
  get: async (key) => {
    const { status, source, entry } = await decisions.get(key);
    return { status: DecisionStatus[status], source, decision: entry?.decision ?? null };
  },
  set: (entry) => decisions.set(revived(entry)),
  /** The factory says that it has begun, and waits at its gate if that is closed. */
  compute: async (key, entry, anew = false) => {
    const factory = async () => {
      await pass('factory');
      return revived(entry);
    };
    return (await decisions.getOrCompute(key, factory, anew)).decision;
  },
  invalidate: (key) => decisions.invalidate(key, 'told'),
  invalidateBy: async (request) => (await decisions.invalidateBy(request)).entriesAffected,
  close: (name) => {
    let open = () => {};
    const gate = new Promise((/** @type {(value?: undefined) => void} */ resolve) => (open = resolve));
    gates.set(name, { gate, open });
  },
  open: (name) => gates.get(name)?.open(),
  quit: () => app.close(),
};

/** @param {string} name */
async function pass(name) {
  const closed = gates.get(name);
  if (closed === undefined) return;
  process.send?.({ at: name });
  await closed.gate;
}

/** @param {{ createdAt: string, expiresAt: string }} entry */
function revived(entry) {
  return { ...entry, createdAt: new Date(entry.createdAt), expiresAt: new Date(entry.expiresAt) };
}

process.on('message', (/** @type {{ id: number, order: string, args: unknown[] }} */ told) => void obey(told));
process.send?.({ at: 'start' });

/** @param {{ id: number, order: string, args: unknown[] }} told */
async function obey({ id, order, args }) {
  try {
    process.send?.({ id, answer: await orders[order](...args) });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
  if (order !== 'quit') return;
  await dataSource.destroy();
  process.disconnect();
}
