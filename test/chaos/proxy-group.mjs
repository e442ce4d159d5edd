// @ts-check
import { ByteProxy } from './byte-proxy.mjs';

/** The proxies of one worker, one before each node of a Cluster, as if they were one; or one by one. */
export class ProxyGroup {
  /** @type {Map<number, ByteProxy>} by the port of the node */
  #lines = new Map();

  /** @param {readonly { host: string, port: number }[]} nodes */
  static async open(nodes) {
    const group = new ProxyGroup();
    for (const { host, port } of nodes) group.#lines.set(port, await ByteProxy.open({ host, port }));
    return group;
  }

  /** Where a client finds the nodes, as ioredis wants to be told: what a node announces, and where to go instead. */
  get place() {
    const lines = [...this.#lines];
    const natMap = Object.fromEntries(
      lines.map(([port, proxy]) => [`127.0.0.1:${port}`, { host: '127.0.0.1', port: proxy.port }]),
    );
    return { cluster: { nodes: lines.map(([, proxy]) => `127.0.0.1:${proxy.port}`), options: { natMap } } };
  }

  /**
   * The way to one node.
   * @param {{ port: number }} node
   */
  to({ port }) {
    return /** @type {ByteProxy} */ (this.#lines.get(port));
  }

  /** @param {ByteProxy['door']} door */
  set door(door) {
    for (const proxy of this.#lines.values()) proxy.door = door;
  }

  /** @param {boolean} hides */
  set hidesEnds(hides) {
    for (const proxy of this.#lines.values()) proxy.hidesEnds = hides;
  }

  /** @param {import('./byte-proxy.mjs').Weather} weather */
  set(weather) {
    for (const proxy of this.#lines.values()) proxy.set(weather);
  }

  release() {
    for (const proxy of this.#lines.values()) proxy.release();
  }

  /** @param {import('./byte-proxy.mjs').Role[]} [roles] */
  cut(roles) {
    for (const proxy of this.#lines.values()) proxy.cut(roles);
  }

  async close() {
    await Promise.all([...this.#lines.values()].map((proxy) => proxy.close()));
  }
}
