// @ts-check
/**
 * An application in a process of its own, so that an unhandled rejection is its end. It tells by IPC what it does, and
 * closes when told to.
 */
import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { inside, larder, larderRedis } from '../../chaos/library.mjs';

const { postgresUrl, redisUrl } = JSON.parse(process.env.DURABILITY_APP ?? '');
const { CacheModule, CacheService, CacheInvalidations, InvalidationIntentBatch } = await larder();
const { redis } = await larderRedis();
const { typeormAudit, typeormOutbox } = await inside('adapters/typeorm/index.js');

const dataSource = await new DataSource({ type: 'postgres', url: postgresUrl }).initialize();
const outbox = typeormOutbox({ dataSource });
let claims = 0;
let published = 0;
const claim = outbox.claim.bind(outbox);
outbox.claim = (/** @type {unknown[]} */ ...args) => {
  claims += 1;
  return claim(...args);
};
const markPublished = outbox.markPublished.bind(outbox);
outbox.markPublished = async (/** @type {unknown[]} */ ...args) => {
  const changed = await markPublished(...args);
  published += changed;
  return changed;
};

class App {}
Module({
  imports: [
    CacheModule.forRoot({
      namespace: 'shop',
      backend: redis({ url: redisUrl }),
      outbox,
      audit: typeormAudit({ dataSource }),
    }),
  ],
})(App);
const app = await NestFactory.createApplicationContext(App, { logger: false });
const cache = app.get(CacheService);
const invalidations = app.get(CacheInvalidations);

/** @type {Record<string, () => unknown>} */
const orders = {
  look: () => ({ claims, published }),
  read: () => cache.getOrSet('answer', async () => (await dataSource.query('SELECT 42 AS answer'))[0].answer),
  invalidate: async () => (await cache.invalidate([])).wasLogged,
  record: async () =>
    (await invalidations.record(new InvalidationIntentBatch('test').invalidateTag('t').invalidateTag('u'))).rows,
  close: () => app.close(),
};
process.on('message', (/** @type {string} */ order) => void obey(order));
process.send?.({ order: 'start' });

/** @param {string} order */
async function obey(order) {
  try {
    process.send?.({ order, answer: await orders[order]() });
  } catch (error) {
    process.send?.({ order, error: String(error) });
  }
  if (order !== 'close') return;
  await dataSource.destroy().catch(() => undefined); // it may have lost its database, which is what is tested
  process.disconnect();
}
