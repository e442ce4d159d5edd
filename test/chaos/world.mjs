// @ts-check
/** What a chaos run happens in: two Redis servers of its own, a proxy before them for each worker, the workers, the truth. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { OwnFolder } from '../../launcher/own-folder.mjs';
import { startRedis } from '../../launcher/services.mjs';
import { ByteProxy } from './byte-proxy.mjs';
import { allCells } from './cells.mjs';
import { Truth } from './truth.mjs';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));
const WORKERS = 3;

/**
 * @typedef {object} WorldOptions
 * @property {number} leaseMs
 * @property {number} seed
 * @property {number} readsPerSecond of each worker
 * @property {string | null} mutant
 * @property {string} history
 *
 * @typedef {Record<string, any>} Report what a worker told last
 */

/** One worker process, through its lives. */
export class Worker {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  /** The last report of each life. @type {Report[]} */
  reports = [];
  lives = 0;
  /** @type {string[]} */
  mishaps = [];
  #expectedToEnd = false;

  /**
   * @param {number} id
   * @param {ByteProxy} proxy
   * @param {Omit<import('./worker.mjs').WorkerOptions, 'id' | 'url'>} options
   */
  constructor(id, proxy, options) {
    this.id = id;
    this.proxy = proxy;
    this.options = options;
  }

  async start() {
    const life = this.lives;
    this.lives += 1;
    this.#expectedToEnd = false;
    const options = { ...this.options, id: this.id, url: this.proxy.url, seed: this.options.seed + 100 * life };
    const child = fork(WORKER, [], {
      env: { ...process.env, CHAOS_WORKER: JSON.stringify(options) },
      stdio: 'inherit',
    });
    this.#child = child;
    await new Promise((resolve, reject) => {
      child.on('message', (/** @type {any} */ message) => {
        if (message.report) this.reports[life] = message.report;
        if (message.ready) resolve(undefined);
      });
      child.on('error', (error) => this.mishaps.push(String(error)));
      child.once('exit', (code, signal) => {
        const ending = `worker ${this.id} ended by itself: ${signal ?? code}`;
        if (!this.#expectedToEnd) this.mishaps.push(ending);
        reject(new Error(ending)); // of no effect once it was ready
      });
    });
  }

  /** @param {object} message */
  tell(message) {
    if (this.#child?.connected) this.#child.send(message);
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    this.#child?.kill(signal);
  }

  /** Dies as in a crash, and lives again. */
  async restart() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    this.#expectedToEnd = true;
    child.kill('SIGKILL');
    await once(child, 'exit');
    await this.start();
  }

  async stop() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    this.#expectedToEnd = true;
    child.kill('SIGCONT');
    this.tell({ stop: true });
    const tooLong = setTimeout(() => {
      this.mishaps.push(`worker ${this.id} did not stop`);
      child.kill('SIGKILL');
    }, 15_000);
    await once(child, 'exit');
    clearTimeout(tooLong);
  }
}

export class World {
  /** @type {import('../../launcher/services.mjs').Server[]} */
  servers = [];
  /** Which server holds the data. */
  primaryIndex = 0;
  /** @type {Worker[]} */
  workers = [];
  #folder = new OwnFolder('chaos');
  /** @type {ByteProxy[]} */
  #proxies = [];

  /** @param {WorldOptions} options */
  static async open(options) {
    const world = new World();
    try {
      await world.#start(options);
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  get primary() {
    return this.servers[this.primaryIndex];
  }

  get replica() {
    return this.servers[1 - this.primaryIndex];
  }

  /** @param {WorldOptions} options */
  async #start({ leaseMs, seed, readsPerSecond, mutant, history }) {
    const args = ['--repl-diskless-sync', 'yes', '--repl-timeout', '5', '--maxmemory-policy', 'noeviction'];
    for (let server = 0; server < 2; server += 1) this.servers.push(await startRedis({ fromEnvironment: false, args }));
    await this.follow();
    const path = join(this.#folder.path, 'truth');
    Truth.create(path, allCells(WORKERS).length).close();
    for (let id = 0; id < WORKERS; id += 1) {
      const proxy = await ByteProxy.open({ host: '127.0.0.1', port: this.primary.port });
      this.#proxies.push(proxy);
      const worker = {
        workers: WORKERS,
        truth: path,
        leaseMs,
        seed: seed * 1000 + id,
        readsPerSecond,
        mutant,
        history,
      };
      this.workers.push(new Worker(id, proxy, worker));
    }
    await Promise.all(this.workers.map((worker) => worker.start()));
  }

  /**
   * Speaks to a server itself, past the proxies.
   * @template T
   * @param {import('../../launcher/services.mjs').Server} server
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

  /** Lets the other server follow the primary, from its whole data; resolves when it is linked. */
  async follow() {
    await this.on(this.primary, (redis) => redis.replicaof('NO', 'ONE'));
    await this.on(this.replica, (redis) => redis.replicaof(this.primary.host, this.primary.port));
    for (let look = 0; look < 200; look += 1) {
      const info = await this.on(this.replica, (redis) => redis.info('replication'));
      if (info.includes('master_link_status:up')) return;
      await sleep(25);
    }
    throw new Error('Expected the replica to be linked to its primary within 5 s.');
  }

  /** The primary closes the workers' connections. */
  async killClients() {
    await this.on(this.primary, async (redis) => {
      const list = String(await redis.client('LIST'));
      for (const [, id] of list.matchAll(/^id=(\d+) .*name=larder:/gm)) await redis.client('KILL', 'ID', id);
    });
  }

  /** The other server is the primary from now on, for connections made from now on. */
  swap() {
    this.primaryIndex = 1 - this.primaryIndex;
    for (const { proxy } of this.workers) proxy.upstream = { host: '127.0.0.1', port: this.primary.port };
  }

  /** @returns {Report[]} of all lives of all workers */
  get reports() {
    return this.workers.flatMap(({ reports }) => reports.filter(Boolean));
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
