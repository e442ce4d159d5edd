// @ts-check
/** One server that the launcher started itself, whatever its kind: it starts, dies, sleeps, wakes and goes. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.mjs';
import { haveEnded, send, signalTree } from './process-tree.mjs';
import { guardProcess } from './watchdog.mjs';

const READY_WITHIN_MS = 30_000;
const ENDED_WITHIN_MS = 10_000;
const PORT_TAKEN = /address already in use|could not bind/i;
const PORT_ATTEMPTS = 3;

/**
 * @typedef {object} ServerPlan
 * @property {string} kind for messages: `PostgreSQL`, `Redis`
 * @property {string} how where the program came from, for people
 * @property {string} command
 * @property {(port: number) => string[]} args
 * @property {string[]} extraArgs the caller's own, after `args`
 * @property {{ uid?: number, gid?: number, env?: NodeJS.ProcessEnv, cwd?: string }} [spawn]
 * @property {import('./own-folder.mjs').OwnFolder} folder removed by `stop()`; holds the server's log
 * @property {number} [port] default: a free one
 * @property {boolean} [withClusterBus] the free port must leave that of the cluster bus free too
 * @property {(port: number) => string} url
 * @property {(url: string, pid: number) => Promise<unknown>} probe rejects until the server truly answers, and this
 *   one does: another may have taken the port, and would answer as readily
 * @property {NodeJS.Signals} shutDown ends the server in order, with everything saved
 * @property {NodeJS.Signals} abandon ends it at once, when nobody needs its data any more
 * @property {boolean} keepsData whether the data outlive `stop()`, in a folder of the caller
 */

/** @typedef {import('./services.mjs').Server} Server */

/** @implements {Server} */
export class OwnServer {
  host = '127.0.0.1';
  port = 0;
  #plan;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  /** @type {Promise<void>} */
  #ended = Promise.resolve();

  /** @param {ServerPlan} plan */
  constructor(plan) {
    this.#plan = plan;
  }

  get url() {
    return this.#plan.url(this.port);
  }

  get how() {
    return this.#plan.how;
  }

  get folder() {
    return this.#plan.folder.path;
  }

  /** @returns {number | undefined} undefined while the server does not run */
  get pid() {
    return this.#child?.pid;
  }

  /** Starts the server and waits until it answers. Another free port is tried when somebody was faster. */
  async start() {
    const { port, withClusterBus } = this.#plan;
    for (let attempt = 1; ; attempt += 1) {
      this.port = port ?? (await freePort({ withClusterBus }));
      try {
        return await this.#launch();
      } catch (error) {
        const anotherPort = port === undefined && attempt < PORT_ATTEMPTS && PORT_TAKEN.test(String(error));
        if (!anotherPort) throw error;
      }
    }
  }

  /** Ends the server and removes its own folder. A data folder given by the caller stays. May be called again. */
  async stop() {
    await this.#end(this.#plan.keepsData ? this.#plan.shutDown : this.#plan.abandon);
    this.#plan.folder.remove();
  }

  /**
   * Lets the server die, by default as in a crash: it and its children at once, nothing saved.
   * Resolves when it is gone; its port and folder remain for `restart()`.
   * @param {NodeJS.Signals} [signal] one that ends the server
   */
  async kill(signal = 'SIGKILL') {
    await this.#end(signal);
  }

  /** Freezes the server and its children: connections stay open and nothing answers. */
  pause() {
    if (this.pid) signalTree(this.pid, 'SIGSTOP');
  }

  resume() {
    if (this.pid) signalTree(this.pid, 'SIGCONT');
  }

  /**
   * Starts the server again on the same port and data; one that still runs is shut down in order first.
   * @param {object} [options]
   * @param {string[]} [options.args] replaces the extra arguments it was started with
   */
  async restart({ args = this.#plan.extraArgs } = {}) {
    await this.#end(this.#plan.shutDown);
    this.#plan = { ...this.#plan, extraArgs: args };
    await this.#launch();
  }

  async #launch() {
    const { command, args, extraArgs, spawn: options, folder } = this.#plan;
    const log = openSync(join(folder.path, 'server.log'), 'w');
    // A session of its own: Ctrl-C in the terminal ends the application first, then we end the server.
    const child = spawn(command, [...args(this.port), ...extraArgs], {
      ...options,
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.unref();
    const release = child.pid ? guardProcess(child.pid, this.#plan.abandon) : () => {};
    /** @type {string | undefined} */
    let ending;
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      /** @param {string} how */
      const onEnd = (how) => {
        ending = how;
        if (this.#child === child) this.#child = undefined;
        release();
        resolve();
      };
      child.once('error', (error) => onEnd(error.message));
      child.once('exit', (code, signal) => onEnd(signal ?? `exit code ${code}`));
    });
    await this.#untilReady(child.pid ?? 0, () => ending);
  }

  /**
   * @param {number} pid
   * @param {() => string | undefined} ending how it ended, once it did
   */
  async #untilReady(pid, ending) {
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const failure = await this.#plan.probe(this.url, pid).then(
        () => undefined,
        (error) => String(error),
      );
      const ended = ending();
      if (ended === undefined && failure === undefined) return;
      if (ended !== undefined || Date.now() > deadline) {
        const log = readFileSync(join(this.#plan.folder.path, 'server.log'), 'utf8').trim();
        await this.#end('SIGKILL');
        throw new Error(
          `Expected ${this.#plan.kind} (${this.#plan.command}) to answer on port ${this.port}, ` +
            `but it ${ended === undefined ? `did not within ${READY_WITHIN_MS} ms: ${failure}` : `ended: ${ended}`}.\n` +
            log.slice(-2_000),
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    const child = this.#child;
    if (!child?.pid) return;
    child.ref(); // without it nothing would keep this process alive until the server has ended
    // A server that shuts down ends its children itself; a paused one hears nothing before it is awake.
    const tree = signalTree(child.pid, signal === 'SIGKILL' ? 'SIGKILL' : 'SIGCONT');
    if (signal !== 'SIGKILL') send(child.pid, signal);
    if (!(await haveEnded(tree, ENDED_WITHIN_MS))) {
      signalTree(child.pid, 'SIGKILL');
      await haveEnded(tree, ENDED_WITHIN_MS);
    }
    await this.#ended;
  }
}
