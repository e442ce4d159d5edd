// @ts-check
/**
 * The application of a crash test: jars with a version each in PostgreSQL, read through a cache over Redis, written in
 * transactions whose invalidations go through the outbox.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { inside, larder, larderRedis } from '../chaos/library.mjs';
import { CLAIM_TTL_MS } from './points.mjs';

/**
 * @typedef {object} ShopPlan
 * @property {string} namespace
 * @property {string} name of the process, for the database
 * @property {string} postgresUrl
 * @property {string} redisUrl
 */

/**
 * @param {ShopPlan} plan
 * @param {{ durable?: boolean, schema?: 'install' | 'check', prepare?: (outbox: any, dataSource: DataSource) => void }} [how] `durable: false` leaves the
 *   worker to the caller; `prepare` may wrap the store before anything happens
 */
export async function openShop(
  { namespace, name, postgresUrl, redisUrl },
  { durable = true, schema = 'check', prepare } = {},
) {
  const { CacheModule, CacheService } = await larder();
  const { redis } = await larderRedis();
  const { typeormOutbox } = await inside('adapters/typeorm/index.js');
  const { CacheRuntime } = await inside('nest/cache-runtime.js');
  const dataSource = await new DataSource({ type: 'postgres', url: postgresUrl, applicationName: name }).initialize();
  const outbox = typeormOutbox({ dataSource, schema });
  prepare?.(outbox, dataSource);

  class Shop {}
  const backend = redis({ url: redisUrl, lease: '500ms' });
  const outboxWorker = { claimTtlMs: CLAIM_TTL_MS }; // the default is too long to wait for a hundred times
  Module({ imports: [CacheModule.forRoot({ namespace, backend, outboxWorker, ...(durable && { outbox }) })] })(Shop);
  const app = await NestFactory.createApplicationContext(Shop, { logger: false });
  if (!durable) await outbox.open(namespace);
  const runtime = app.get(CacheRuntime);
  const cache = app.get(CacheService);

  return {
    dataSource,
    outbox,
    /** @type {any} */
    runtime,
    /** @param {number} jar @returns {Promise<string>} the token of its last write */
    read: (jar) =>
      cache.getOrSet(
        `jar:${jar}`,
        async () => {
          const sql = 'SELECT token FROM jar WHERE namespace = $1 AND id = $2';
          return (await dataSource.query(sql, [namespace, jar]))[0].token;
        },
        { ttl: '1h', tags: [`jar:${jar}`] },
      ),
    /**
     * Writes a jar, in a transaction that is rolled back on demand. The tag of the token tells whose invalidation a row is.
     * @param {number} jar
     * @param {string} token
     * @param {{ rollsBack?: boolean, nested?: boolean, reach?: (point: string) => void }} [how]
     */
    async write(jar, token, { rollsBack = false, nested = false, reach = () => {} } = {}) {
      const rollback = new Error('rolled back');
      const work = async (/** @type {import('typeorm').EntityManager} */ manager) => {
        const sql = 'UPDATE jar SET token = $3 WHERE namespace = $1 AND id = $2';
        await manager.query(sql, [namespace, jar, token]);
        await manager.query('INSERT INTO written VALUES ($1, $2)', [namespace, token]);
        reach('data written');
        outbox.collect(manager).tag(`jar:${jar}`).tag(`token:${token}`);
      };
      try {
        await dataSource.transaction(async (manager) => {
          if (nested) await manager.transaction(work);
          else await work(manager);
          if (nested) reach('savepoint released');
          if (rollsBack) throw rollback;
        });
      } catch (error) {
        if (error !== rollback) throw error;
      }
    },
    async close() {
      await app.close();
      if (!durable) await outbox.close();
      await dataSource.destroy();
    },
  };
}
