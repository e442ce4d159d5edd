// @ts-check
/** What a chaos run happens in: servers of its own, the workers, a proxy between each worker and the servers, the truth. */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { OwnFolder } from '../../launcher/own-folder.mjs';
import { allCells } from './cells.mjs';
import { Truth } from './truth.mjs';
import { Worker } from './worker-process.mjs';

export const WORKERS = 3;

/**
 * What may stand without an end, and how many elements it may have, by the options of the workers: twice
 * `maxTags` and some more fields; the log trims whole nodes of its stream; `maxPatterns`; the summary is one string.
 * @type {Record<string, number>}
 */
const BOUNDS = {
  'larder:{chaos}:ctl': 4100,
  'larder:{chaos}:log': 2200,
  'larder:{chaos}:pat': 50,
  'larder:{chaos}:sum': 0,
};

/**
 * @typedef {object} WorldOptions
 * @property {number} leaseMs
 * @property {number} seed
 * @property {number} readsPerSecond of each worker
 * @property {string | null} mutant
 * @property {string} history
 * @property {number} [churn] keys that each worker reads once a second and never again; default 0
 *
 * @typedef {object} Line how one worker reaches the servers
 * @property {import('./worker-process.mjs').Proxy} proxy
 * @property {import('./worker.mjs').WorkerOptions['place']} place
 */

export class World {
  /** @type {import('../../launcher/services.mjs').Server[]} */
  servers = [];
  /** @type {Worker[]} */
  workers = [];
  #folder = new OwnFolder('chaos');
  /** @type {import('./worker-process.mjs').Proxy[]} */
  #proxies = [];

  /**
   * @param {WorldOptions} options
   * @param {() => Promise<Line>} connect
   */
  async startWorkers({ leaseMs, seed, readsPerSecond, mutant, history, churn = 0 }, connect) {
    const path = join(this.#folder.path, 'truth');
    Truth.create(path, allCells(WORKERS).length).close();
    for (let id = 0; id < WORKERS; id += 1) {
      const { proxy, place } = await connect();
      this.#proxies.push(proxy);
      const worker = {
        workers: WORKERS,
        truth: path,
        leaseMs,
        seed: seed * 1000 + id,
        readsPerSecond,
        mutant,
        history,
        churn,
        place,
      };
      this.workers.push(new Worker(id, proxy, worker));
    }
    await Promise.all(this.workers.map((worker) => worker.start()));
  }

  /**
   * Speaks to a server itself, past the proxies.
   * @template T
   * @param {{ url: string }} server
   * @param {(redis: Redis) => Promise<T>} work
   */
  async on(server, work) {
    const redis = new Redis(server.url, {
      lazyConnect: true,
      retryStrategy: null,
      maxRetriesPerRequest: 0,
      commandTimeout: 5000,
    });
    let lastError;
    redis.on('error', (error) => (lastError = error)); // a failed command says so itself
    try {
      await redis.connect();
      return await work(redis);
    } catch (error) {
      throw lastError ?? error;
    } finally {
      redis.disconnect();
    }
  }

  /**
   * The server closes the workers' connections.
   * @param {{ url: string }} server
   */
  async killClientsOf(server) {
    await this.on(server, async (redis) => {
      const list = String(await redis.client('LIST'));
      for (const [, id] of list.matchAll(/^id=(\d+) .*name=larder:/gm)) await redis.client('KILL', 'ID', id);
    });
  }

  /** @returns {import('./worker-process.mjs').Report[]} of all lives of all workers */
  get reports() {
    return this.workers.flatMap(({ reports }) => reports.filter(Boolean));
  }

  /** The servers that hold the data. @returns {Promise<{ url: string }[]>} */
  async primaries() {
    return this.servers;
  }

  /** What else must hold in the end. @returns {Promise<{ name: string, passed: boolean, detail: unknown }[]>} */
  async findings() {
    /** @type {{ key: string, size: number }[]} */
    const endless = [];
    let keys = 0;
    for (const primary of await this.primaries()) {
      await this.on(primary, async (redis) => {
        for await (const found of redis.scanStream({ count: 500 })) {
          keys += found.length;
          for (const key of found) if ((await redis.pttl(key)) === -1) endless.push(await this.#sizeOf(redis, key));
        }
      });
    }
    const passed = keys > 0 && endless.every(({ key, size }) => size <= (BOUNDS[key] ?? -1));
    return [{ name: 'every key in Redis has an end, or keeps its bound', passed, detail: { keys, endless } }];
  }

  /** @param {Redis} redis @param {string} key */
  async #sizeOf(redis, key) {
    const type = await redis.type(key);
    if (type === 'hash') return { key, size: await redis.hlen(key) };
    if (type === 'stream') return { key, size: await redis.xlen(key) };
    if (type === 'zset') return { key, size: await redis.zcard(key) };
    return { key, size: 0 };
  }

  async stopWorkers() {
    await Promise.all(this.workers.map((worker) => worker.stop()));
  }

  async close() {
    await this.stopWorkers();
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await Promise.all(this.servers.map((server) => server.stop()));
    this.#folder.remove();
  }
}
