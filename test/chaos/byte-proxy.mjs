// @ts-check
/**
 * A TCP proxy that keeps every byte in order and does to connections what networks do: cut them, hold their bytes back in
 * one direction or both, deliver late, accept and close, or keep one end open after the other has gone.
 *
 * Held bytes are not lost: they arrive on `release()`, as after a partition that heals, even if their sender has given up
 * meanwhile. Nothing is harder on a protocol than a command that arrives seconds after everybody believed it dead.
 */
import { createConnection, createServer } from 'node:net';

/** @typedef {'values' | 'log' | 'heartbeat'} Role what a client says the connection is for (CLIENT SETNAME larder:<role>) */
/** @typedef {'up' | 'down'} Direction up: to the server */

const ROLE = /larder:(values|log|heartbeat)/;

/** One direction of one connection: a queue that drains in order, each chunk not before its time. */
class Pipe {
  /** @type {{ bytes: Buffer, due: number }[]} */
  #queue = [];
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #ended = false;
  held = false;
  delayMs = 0;

  /**
   * @param {import('node:net').Socket} to
   */
  constructor(to) {
    this.to = to;
  }

  /** @param {Buffer} bytes */
  push(bytes) {
    const last = this.#queue.at(-1)?.due ?? 0;
    this.#queue.push({ bytes, due: Math.max(last, performance.now() + this.delayMs) });
    this.drain();
  }

  /** The sender has gone; what it sent before still arrives. */
  end() {
    this.#ended = true;
    this.drain();
  }

  drain() {
    clearTimeout(this.#timer);
    while (!this.held && this.#queue.length > 0) {
      const waitMs = this.#queue[0].due - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.drain(), waitMs);
        return;
      }
      const { bytes } = /** @type {{ bytes: Buffer }} */ (this.#queue.shift());
      if (!this.to.destroyed) this.to.write(bytes);
    }
    if (this.#ended && !this.held) this.to.end();
  }

  drop() {
    clearTimeout(this.#timer);
    this.#queue = [];
    this.#ended = true;
  }
}

/** One connection through the proxy. */
class Passage {
  /** @type {Role | undefined} */
  role;

  /**
   * @param {import('node:net').Socket} client
   * @param {import('node:net').Socket} server
   * @param {ByteProxy} proxy
   */
  constructor(client, server, proxy) {
    this.client = client;
    this.server = server;
    this.up = new Pipe(server);
    this.down = new Pipe(client);
    client.on('data', (bytes) => {
      if (this.role === undefined) {
        this.role = /** @type {Role | undefined} */ (ROLE.exec(bytes.toString('latin1'))?.[1]);
        proxy.apply(this);
      }
      this.up.push(bytes);
    });
    server.on('data', (bytes) => this.down.push(bytes));
    client.on('close', () => this.up.end());
    server.on('close', () => {
      if (!proxy.hidesEnds) this.down.end();
    });
    // An end by error is an end: the close event that follows says all there is to say.
    client.on('error', () => client.destroy());
    server.on('error', () => server.destroy());
  }

  get over() {
    return this.client.destroyed && this.server.destroyed;
  }

  cut() {
    this.up.drop();
    this.down.drop();
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }
}

/**
 * @typedef {object} Weather what the proxy does to connections of some roles (none named: to all)
 * @property {Direction[]} [hold]
 * @property {number} [delayMs] in each direction
 * @property {Role[]} [roles]
 */

export class ByteProxy {
  /** @type {Set<Passage>} */
  #passages = new Set();
  /** @type {Weather} */
  #weather = {};
  #server = createServer((client) => this.#accept(client));
  /** `refuse`: new connections are reset at once; `close`: accepted, then closed in order. */
  /** @type {'pass' | 'refuse' | 'close'} */
  door = 'pass';
  /** True: a server's end is kept from its client (half-open). */
  hidesEnds = false;
  /** How many connections came through. */
  accepted = 0;

  /** @param {{ host: string, port: number }} upstream */
  constructor(upstream) {
    this.upstream = upstream;
  }

  /** @param {{ host: string, port: number }} upstream */
  static async open(upstream) {
    const proxy = new ByteProxy(upstream);
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', () => resolve(undefined)));
    return proxy;
  }

  get port() {
    return /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  get connections() {
    return this.#passages.size;
  }

  /** @param {Weather} weather for the connections there are and for those to come, until `release()` */
  set(weather) {
    this.#weather = weather;
    for (const passage of this.#passages) this.apply(passage);
  }

  /** Fair weather again: everything held arrives. */
  release() {
    this.door = 'pass';
    this.hidesEnds = false;
    this.set({});
    for (const { server, down } of this.#passages) if (server.destroyed) down.end();
  }

  /**
   * Resets connections; bytes on their way are lost.
   * @param {Role[]} [roles] default: all
   */
  cut(roles) {
    for (const passage of this.#passages) {
      if (roles === undefined || (passage.role !== undefined && roles.includes(passage.role))) passage.cut();
    }
  }

  /** @param {Passage} passage */
  apply(passage) {
    const { hold = [], delayMs = 0, roles } = this.#weather;
    const meant = roles === undefined || (passage.role !== undefined && roles.includes(passage.role));
    for (const direction of /** @type {const} */ (['up', 'down'])) {
      const pipe = passage[direction];
      pipe.held = meant && hold.includes(direction);
      pipe.delayMs = meant ? delayMs : 0;
      pipe.drain();
    }
  }

  async close() {
    this.cut();
    await new Promise((resolve) => this.#server.close(() => resolve(undefined)));
  }

  /** @param {import('node:net').Socket} client */
  #accept(client) {
    if (this.door !== 'pass') {
      client.on('error', () => client.destroy()); // the client may be faster in leaving
      if (this.door === 'refuse') client.resetAndDestroy();
      else client.resume().end(); // unread bytes would keep it from ever being closed
      return;
    }
    this.accepted += 1;
    client.setNoDelay(true);
    const server = createConnection({ ...this.upstream, noDelay: true, allowHalfOpen: false });
    const passage = new Passage(client, server, this);
    this.#passages.add(passage);
    this.apply(passage);
    for (const socket of [client, server]) {
      socket.on('close', () => {
        if (passage.over) this.#passages.delete(passage);
      });
    }
  }
}
