// @ts-check
/** A chaos run's world of a Redis Cluster: three primaries, a replica of each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SlotMove, ownerOf, ownersOf, slotOf, startRedisCluster } from '../../launcher/services.mjs';
import { ProxyGroup } from './proxy-group.mjs';
import { World } from './world.mjs';

/** @typedef {import('../../launcher/services.mjs').Server} Server */

/** A silent node counts as failed after this, ms. On a busy machine sound nodes are silent for a while, too. */
export const NODE_TIMEOUT_MS = 1500;
const WHOLE_WITHIN_MS = 30_000;
const CONTROL = 'larder:{chaos}:ctl';

export class ClusterWorld extends World {
  /** Frozen or dead at the moment. @type {Set<Server>} */
  #away = new Set();
  /** @type {ProxyGroup[]} */
  lines = [];
  /** What the servers have answered, by the error's code; of those that were killed, up to then. */
  /** @type {Record<string, number>} */
  #answered = {};

  /** @param {import('./world.mjs').WorldOptions} options */
  static async open(options) {
    const world = new ClusterWorld();
    try {
      await world.#start(options);
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  /** @param {import('./world.mjs').WorldOptions} options */
  async #start(options) {
    const args = ['--repl-diskless-sync', 'yes', '--repl-timeout', '5', '--cluster-allow-replica-migration', 'no'];
    const cluster = await startRedisCluster({ masters: 3, replicas: 1, nodeTimeoutMs: NODE_TIMEOUT_MS, args });
    this.servers = cluster.nodes.map(({ server }) => server);
    await this.startWorkers(options, async () => {
      const proxy = await ProxyGroup.open(this.servers);
      this.lines.push(proxy);
      return { proxy, place: proxy.place };
    });
  }

  get awake() {
    return this.servers.filter((server) => !this.#away.has(server));
  }

  /** @param {{ port: number }} owner */
  #server(owner) {
    return /** @type {Server} */ (this.servers.find(({ port }) => port === owner.port));
  }

  /** @override @returns {Promise<Server[]>} */
  async primaries() {
    return (await ownersOf(this.awake)).filter(({ slots }) => slots.length > 0).map((owner) => this.#server(owner));
  }

  /** The primary that has the control record. */
  async control() {
    return this.#server(await ownerOf(this.awake, await slotOf(this.awake, CONTROL)));
  }

  /** @param {Server} primary */
  async replicaOf(primary) {
    for (const server of this.awake) {
      const info = await this.on(server, (redis) => redis.info('replication'));
      if (info.includes('role:slave') && info.includes(`master_port:${primary.port}\r`)) return server;
    }
    throw new Error('Expected the primary to have a replica, found none.');
  }

  /** @param {Server} server */
  freeze(server) {
    this.#away.add(server);
    server.pause();
  }

  /** @param {Server} server */
  thaw(server) {
    server.resume();
    this.#away.delete(server);
  }

  /** @param {Server} server */
  async kill(server) {
    if (!this.#away.has(server)) await this.#count(server);
    this.#away.add(server);
    await server.kill();
  }

  /** @param {Server} server */
  async restart(server) {
    await server.restart();
    this.#away.delete(server);
  }

  /** Resolves when another server has taken over from one that is away, or was. @param {Server} primary */
  async succeeded(primary) {
    await this.#until('another server to take over', async () => {
      const primaries = await this.primaries();
      return primaries.length === 3 && !primaries.includes(primary);
    });
  }

  /** Resolves when every node calls the cluster ok and three of them follow the others. */
  async whole() {
    await this.#until('the cluster to be whole', async () => {
      const states = await Promise.all(
        this.servers.map((server) =>
          this.on(server, async (redis) => [
            String(await redis.call('CLUSTER', 'INFO')),
            await redis.info('replication'),
          ]),
        ),
      );
      const linked = states.filter(([, replication]) => replication.includes('master_link_status:up'));
      return states.every(([cluster]) => cluster.includes('cluster_state:ok')) && linked.length === 3;
    });
  }

  /**
   * Moves the slot of a key to another primary, its keys one after the other.
   * @param {string} key
   * @param {() => Promise<unknown>} between waits between two keys
   */
  async moveSlotOf(key, between) {
    const move = await SlotMove.begin(this.servers, await slotOf(this.servers, key));
    await between();
    while ((await move.move(1)) > 0) await between();
    await move.finish();
  }

  async moveControl(/** @type {() => Promise<unknown>} */ between) {
    await this.moveSlotOf(CONTROL, between);
  }

  /** @param {import('./seeded-random.mjs').SeededRandom} random @returns {Promise<string | null>} one of an entry or permit */
  async anyValueKey(random) {
    const primary = random.pick(await this.primaries());
    const key = await this.on(primary, (redis) => redis.randomkey());
    return key === null || key.includes('{chaos}') ? null : key;
  }

  /**
   * Deletes a key of the namespace, whoever has it.
   * @param {'ctl' | 'log' | 'pat' | 'mem'} kind
   */
  async lose(kind) {
    await this.on(await this.control(), (redis) => redis.del(`larder:{chaos}:${kind}`));
  }

  async trimLog() {
    await this.on(await this.control(), (redis) => redis.xtrim('larder:{chaos}:log', 'MAXLEN', 0));
  }

  async killClients() {
    for (const primary of await this.primaries()) await this.killClientsOf(primary);
  }

  /** @override */
  async findings() {
    await this.whole();
    for (const server of this.awake) await this.#count(server);
    const { MOVED = 0, ASK = 0, TRYAGAIN = 0, CROSSSLOT = 0 } = this.#answered;
    const counted = { MOVED, ASK, TRYAGAIN, CROSSSLOT };
    return [
      ...(await super.findings()),
      { name: 'redirections were answered', passed: MOVED > 0 && ASK > 0 && TRYAGAIN > 0, detail: counted },
      { name: 'no script asked for keys of two slots', passed: CROSSSLOT === 0, detail: counted },
    ];
  }

  /** @param {Server} server */
  async #count(server) {
    const stats = await this.on(server, (redis) => redis.info('errorstats'));
    for (const [, code, count] of stats.matchAll(/^errorstat_(\w+):count=(\d+)/gm)) {
      this.#answered[code] = (this.#answered[code] ?? 0) + Number(count);
    }
  }

  /** @param {string} what @param {() => Promise<boolean>} holds */
  async #until(what, holds) {
    const giveUpAt = performance.now() + WHOLE_WITHIN_MS;
    while (!(await holds().catch(() => false))) {
      if (performance.now() > giveUpAt) throw new Error(`Expected ${what} within ${WHOLE_WITHIN_MS} ms.`);
      await sleep(100);
    }
  }
}
