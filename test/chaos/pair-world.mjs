// @ts-check
/** A chaos run's world of two Redis servers: a primary, and the one that follows it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '../../launcher/services.mjs';
import { ByteProxy } from './byte-proxy.mjs';
import { World } from './world.mjs';

export class PairWorld extends World {
  /** Which server holds the data. */
  primaryIndex = 0;
  /** @type {ByteProxy[]} */
  #lines = [];

  /** @param {import('./world.mjs').WorldOptions} options */
  static async open(options) {
    const world = new this();
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

  /** @override */
  async primaries() {
    return [this.primary];
  }

  get replica() {
    return this.servers[1 - this.primaryIndex];
  }

  get serverArguments() {
    return ['--maxmemory-policy', 'noeviction'];
  }

  /** @param {import('./world.mjs').WorldOptions} options */
  async #start(options) {
    const args = ['--repl-diskless-sync', 'yes', '--repl-timeout', '5', ...this.serverArguments];
    for (let server = 0; server < 2; server += 1) this.servers.push(await startRedis({ fromEnvironment: false, args }));
    await this.follow();
    await this.startWorkers(options, async () => {
      const proxy = await ByteProxy.open({ host: '127.0.0.1', port: this.primary.port });
      this.#lines.push(proxy);
      return { proxy, place: { url: proxy.url } };
    });
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

  async trimLog() {
    await this.on(this.primary, (redis) => redis.xtrim('larder:{chaos}:log', 'MAXLEN', 0));
  }

  async killClients() {
    await this.killClientsOf(this.primary);
  }

  /** The other server is the primary from now on, for connections made from now on. */
  swap() {
    this.primaryIndex = 1 - this.primaryIndex;
    for (const line of this.#lines) line.upstream = { host: '127.0.0.1', port: this.primary.port };
  }
}
