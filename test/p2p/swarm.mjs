// @ts-check
/** Nodes of a DHT, each in a process of its own, on loopback. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { guardProcess } from '../../launcher/watchdog.mjs';
import { buildLibrary } from '../chaos/library.mjs';

const MAIN = fileURLToPath(new URL('node-main.mjs', import.meta.url));
const ANSWER_WITHIN_MS = 120_000;
const WAVE = 4;

/** Once: nodes that start together would build it together. @type {Promise<unknown> | undefined} */
let built;

/** One node, by its process. */
export class SwarmNode {
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #asked = new Map();
  #next = 0;
  /** @type {readonly string[]} */
  addresses = [];

  /** @param {number} number @param {string[]} execArgv */
  constructor(number, execArgv) {
    this.number = number;
    this.process = fork(MAIN, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv });
    this.release = this.process.pid ? guardProcess(this.process.pid, 'SIGKILL') : () => {};
    this.ready = new Promise((resolve, reject) => {
      this.process.on('message', (/** @type {any} */ message) => {
        if (message.ready) return resolve(undefined);
        const asked = this.#asked.get(message.id);
        this.#asked.delete(message.id);
        if (message.error === undefined) asked?.resolve(message.value);
        else asked?.reject(Object.assign(new Error(message.error), { code: message.code }));
      });
      this.process.once('exit', (code, signal) => {
        this.release();
        const gone = new Error(`node ${this.number} ended: ${signal ?? code}`);
        for (const { reject: fail } of this.#asked.values()) fail(gone);
        this.#asked.clear();
        reject(gone);
      });
    });
    this.ready.catch(() => {}); // told to whoever waits for it; one that is killed later is of no interest here
  }

  get alive() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /**
   * @param {string} command see node-main.mjs
   * @param {object} [input]
   * @returns {Promise<any>}
   */
  ask(command, input = {}) {
    this.#next += 1;
    const id = this.#next;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`node ${this.number} did not answer ${command}`)),
        ANSWER_WITHIN_MS,
      );
      const done = () => clearTimeout(timer);
      this.#asked.set(id, {
        resolve: (value) => (done(), resolve(value)),
        reject: (error) => (done(), reject(error)),
      });
      this.process.send({ id, command, input });
    });
  }

  /** As a crash does it. */
  async kill() {
    if (!this.alive) return;
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }

  hang() {
    this.process.kill('SIGSTOP');
  }

  goOn() {
    this.process.kill('SIGCONT');
  }

  /** In order; killed if it does not end. @returns {Promise<boolean>} whether it ended by itself */
  async stop() {
    if (!this.alive) return true;
    this.goOn();
    const gone = once(this.process, 'exit');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
    this.ask('close').catch(() => {}); // ends before it answers, at times
    const [, signal] = await gone;
    clearTimeout(timer);
    return signal === null;
  }
}

/** Many nodes of one network. */
export class Swarm {
  /** @type {SwarmNode[]} */
  nodes = [];
  #started = 0;

  /** @param {object} [options] of every node */
  constructor(options = {}) {
    this.options = { network: 'swarm', psk: 'the secret of the swarm', listen: '/ip4/127.0.0.1/tcp/0', ...options };
  }

  get alive() {
    return this.nodes.filter((node) => node.alive);
  }

  /**
   * @param {{ options?: object, skewMs?: number, execArgv?: string[] }} [setting] of this node alone
   */
  async add({ options = {}, skewMs = 0, execArgv = [] } = {}) {
    await (built ??= buildLibrary());
    this.#started += 1;
    const node = new SwarmNode(this.#started, execArgv);
    const bootstrap = this.alive.slice(0, 2).flatMap(({ addresses }) => addresses.slice(0, 1));
    this.nodes.push(node);
    await node.ready;
    const { addresses } = await node.ask('open', { options: { ...this.options, bootstrap, ...options }, skewMs });
    node.addresses = addresses;
    return node;
  }

  /** @param {number} count */
  async start(count) {
    // A few at a time: a dozen processes that load libp2p at once keep each other from answering in time.
    while (this.nodes.length < count) {
      const wave = Math.min(this.nodes.length === 0 ? 1 : WAVE, count - this.nodes.length);
      await Promise.all(Array.from({ length: wave }, () => this.add()));
    }
    await this.settled();
    return this;
  }

  /** Everybody is connected with everybody, and has caught up. @param {number} [withinMs] */
  async settled(withinMs = 120_000) {
    const others = this.alive.length - 1;
    let seen = '';
    return until(
      withinMs,
      () => `all nodes to be live and to know ${others} others, got ${seen}`,
      async () => {
        const states = await this.states();
        seen = states.map(({ state, peers }) => `${state} ${peers}`).join(', ');
        return states.every(({ state, peers }) => state === 'live' && peers === others);
      },
    );
  }

  /** @returns {Promise<any[]>} */
  states() {
    return Promise.all(this.alive.map((node) => node.ask('state')));
  }

  /** Copies of all values in the network. */
  async copies() {
    return (await this.states()).reduce((sum, { copies }) => sum + copies, 0);
  }

  async stop() {
    const stopped = await Promise.all(this.nodes.map((node) => node.stop()));
    return stopped.every(Boolean);
  }
}

/**
 * @param {number} withinMs
 * @param {string | (() => string)} what
 * @param {() => Promise<boolean> | boolean} holds
 * @returns {Promise<number>} how long it took, ms
 */
export async function until(withinMs, what, holds) {
  const startedAt = performance.now();
  for (;;) {
    if (await holds()) return performance.now() - startedAt;
    if (performance.now() - startedAt > withinMs) {
      throw new Error(`expected ${typeof what === 'string' ? what : what()} within ${withinMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
