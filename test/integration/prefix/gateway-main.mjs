// @ts-check
/** One gateway in a process of its own, told by IPC what to do. Its answers from the model are held until it is told to go on. */
import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { inside, larder, larderRedis } from '../../chaos/library.mjs';

const { postgresUrl, redisUrl } = JSON.parse(process.env.GATEWAY ?? '');
process.on('disconnect', () => process.exit(1));
const { CacheModule } = await larder();
const { redis } = await larderRedis();
const { typeormPrefixes } = await inside('adapters/typeorm/index.js');
const { PrefixCache, PrefixIndex, PrefixIndexModule, TtlTier } = await inside('nest/prefix/index.js');

const dataSource = await new DataSource({ type: 'postgres', url: postgresUrl }).initialize();
class Gateway {}
Module({
  imports: [
    CacheModule.forRoot({ namespace: 'gateway', backend: redis({ url: redisUrl }) }),
    PrefixIndexModule.forRoot({ store: typeormPrefixes({ dataSource }), refreshWindow: '10s', softTimeout: '5s' }),
  ],
})(Gateway);
const app = await NestFactory.createApplicationContext(Gateway, { logger: false });
const index = app.get(PrefixIndex);
const cache = app.get(PrefixCache);

const hashOf = (/** @type {string} */ text) => createHash('sha256').update(text).digest();
/** @type {() => void} */
let letGo = () => undefined;

/** @type {Record<string, (scope: any, text: string) => unknown>} */
const orders = {
  write: (scope, text) =>
    index.write({ scope, prefixHash: hashOf(text), cumulativeTokenCount: 10, ttlTier: TtlTier.FiveMinutes }),
  look: async (scope, text) => (await index.lookup(scope, [hashOf(text)])).length,
  find: async (scope, text) => (await cache.find(scope, prompt(text))).cachedTokens,
  invalidate: async (part) => (await index.invalidate(part)).removed,
  flush: () => index.flush(),
  counters: () => ({ ...cache.counters, refreshes: index.counters.refreshes }),
  /** Begins an answer; says so when the model was asked. */
  begin: (scope, text) =>
    new Promise((asked) => {
      const held = new Promise((resolve) => (letGo = () => resolve(undefined)));
      void cache.around(
        scope,
        prompt(text),
        () => 10,
        () => {
          asked('asked');
          return held;
        },
      );
    }),
  end: async () => {
    letGo();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await cache.settled();
  },
  close: async () => {
    await app.close();
    await dataSource.destroy();
  },
};

process.on('message', (/** @type {{ id: number, order: string, args: [any, string] }} */ told) => void obey(told));
process.send?.({ id: 0 });

/** @param {{ id: number, order: string, args: [any, string] }} told */
async function obey({ id, order, args }) {
  try {
    process.send?.({ id, answer: await orders[order]?.(...args) });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
  if (order === 'close') process.disconnect();
}

/** @param {string} text */
function prompt(text) {
  const candidate = { prefixHash: hashOf(text), block: 0 };
  return { candidates: [candidate], breakpoints: [candidate] };
}
