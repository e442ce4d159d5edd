// @ts-check
/** Which server of a Redis Cluster has which slots, and moving them while the cluster works. */
import { until, withRedis } from './redis-connection.mjs';

const MIGRATE_WITHIN_MS = 5_000;

/**
 * @typedef {{ url: string, port: number }} Address
 *
 * @typedef {object} Owner a master, as one node of the cluster sees it
 * @property {string} id
 * @property {string} host
 * @property {number} port
 * @property {string} url
 * @property {[from: number, to: number][]} slots
 */

/**
 * The masters that are not thought to have failed, asked of the first of the servers that answers.
 * @param {readonly Address[]} servers
 * @returns {Promise<Owner[]>}
 */
export async function ownersOf(servers) {
  return parseOwners(await firstAnswer(servers, (redis) => redis.call('CLUSTER', 'NODES')));
}

/** @param {unknown} text of CLUSTER NODES */
function parseOwners(text) {
  return String(text)
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , flags]) => flags.includes('master') && !flags.includes('fail') && !flags.includes('noaddr'))
    .map(([id, address, , , , , , , ...ranges]) => {
      const [host, port] = address.split('@')[0].split(':');
      const slots = ranges
        .filter((range) => !range.startsWith('[')) // one on its way
        .map((range) => range.split('-').map(Number))
        .map(([from, to = from]) => /** @type {[number, number]} */ ([from, to]));
      return { id, host, port: Number(port), url: `redis://${host}:${port}`, slots };
    });
}

/**
 * @param {readonly Address[]} servers
 * @param {number} slot
 * @returns {Promise<Owner>}
 */
export async function ownerOf(servers, slot) {
  const owner = (await ownersOf(servers)).find(({ slots }) => slots.some(([from, to]) => from <= slot && slot <= to));
  if (!owner) throw new Error(`Expected some master to have slot ${slot}, found none.`);
  return owner;
}

/**
 * @param {readonly Address[]} servers
 * @param {string} key
 * @returns {Promise<number>}
 */
export async function slotOf(servers, key) {
  return Number(await firstAnswer(servers, (redis) => redis.call('CLUSTER', 'KEYSLOT', key)));
}

/** One slot on its way from one master to another: `begin`, any number of `move`s, `finish`. */
export class SlotMove {
  /**
   * @param {readonly Address[]} servers all of the cluster, which are told at the end
   * @param {number} slot
   * @param {Owner} from
   * @param {Owner} to
   */
  constructor(servers, slot, from, to) {
    this.servers = servers;
    this.slot = slot;
    this.from = from;
    this.to = to;
  }

  /**
   * From here on the old owner answers ASK for keys that it has not.
   * @param {readonly Address[]} servers
   * @param {number} slot
   * @param {Pick<Owner, 'id'>} [to] default: the next master
   */
  static async begin(servers, slot, to) {
    const owners = await ownersOf(servers);
    const from = await ownerOf(servers, slot);
    const index = owners.findIndex(({ id }) => id === from.id);
    const target = to ? owners.find(({ id }) => id === to.id) : owners[(index + 1) % owners.length];
    if (!target || target.id === from.id) throw new Error(`Expected another master for slot ${slot} to move to.`);
    const move = new SlotMove(servers, slot, from, target);
    await move.#tell(target, 'IMPORTING', from.id);
    await move.#tell(from, 'MIGRATING', target.id);
    return move;
  }

  /**
   * Moves some keys.
   * @param {number} [most]
   * @param {(key: string) => boolean} [which] default: any
   * @returns {Promise<number>} how many moved; 0: none of them is left
   */
  async move(most = 10, which = () => true) {
    return withRedis(this.from.url, async (redis) => {
      const found = /** @type {string[]} */ (await redis.call('CLUSTER', 'GETKEYSINSLOT', this.slot, 10_000));
      const keys = found.filter(which).slice(0, most);
      if (keys.length === 0) return 0;
      // NOKEY: all of them expired meanwhile, or were deleted.
      const { host, port } = this.to;
      await redis.call('MIGRATE', host, port, '', 0, MIGRATE_WITHIN_MS, 'REPLACE', 'KEYS', ...keys);
      return keys.length;
    });
  }

  /**
   * Moves what is left, and makes the new owner known. Resolves when every server knows it: if the new owner died before its
   * replica has heard of the slot, nobody would have it any more.
   */
  async finish() {
    while ((await this.move()) > 0);
    await this.#tell(this.to, 'NODE', this.to.id);
    await this.#tell(this.from, 'NODE', this.to.id);
    // The others would hear of it by gossip; one that is down hears of it when it is back.
    const others = (await ownersOf(this.servers)).filter(({ id }) => id !== this.to.id && id !== this.from.id);
    await Promise.allSettled(others.map((owner) => this.#tell(owner, 'NODE', this.to.id)));
    await Promise.all(
      this.servers.map((server) =>
        until('every server to know the new owner of the slot', async () => {
          return (await ownerOf([server], this.slot)).id === this.to.id;
        }),
      ),
    );
  }

  /** Leaves the slot where it was, with the keys that have moved already: they are moved back. */
  async abandon() {
    const back = new SlotMove(this.servers, this.slot, this.to, this.from);
    while ((await back.move()) > 0);
    await this.#tell(this.from, 'STABLE');
    await this.#tell(this.to, 'STABLE');
  }

  /**
   * @param {Owner} owner
   * @param {string} what of CLUSTER SETSLOT
   * @param {string[]} args
   */
  async #tell(owner, what, ...args) {
    await withRedis(owner.url, (redis) => redis.call('CLUSTER', 'SETSLOT', this.slot, what, ...args));
  }
}

/**
 * @template T
 * @param {readonly Address[]} servers
 * @param {(redis: import('ioredis').Redis) => Promise<T>} ask
 * @returns {Promise<T>}
 */
async function firstAnswer(servers, ask) {
  /** @type {unknown} */
  let cause;
  for (const server of servers) {
    try {
      return await withRedis(server.url, ask);
    } catch (error) {
      cause = error;
    }
  }
  throw new Error('Expected one server of the cluster to answer, none did.', { cause });
}
