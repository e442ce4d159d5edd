// @ts-check
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));

/** The young generation does not grow with the load, and the old one is collected before it is weighed: what grows is kept. */
const STEADY_HEAP = ['--max-semi-space-size=2', '--expose-gc'];

/**
 * @typedef {Record<string, any>} Report what a worker told last
 * @typedef {Pick<import('./byte-proxy.mjs').ByteProxy, 'door' | 'hidesEnds' | 'set' | 'release' | 'cut' | 'close'>} Proxy
 */

/** One worker process, through its lives. */
export class Worker {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  /** What this life has taken of memory so far, once a second. @type {{ at: number, rss: number }[]} */
  rss = [];
  /** The last report of each life. @type {Report[]} */
  reports = [];
  lives = 0;
  /** @type {string[]} */
  mishaps = [];
  #expectedToEnd = false;

  /**
   * @param {number} id
   * @param {Proxy} proxy between it and the servers
   * @param {Omit<import('./worker.mjs').WorkerOptions, 'id'>} options
   */
  constructor(id, proxy, options) {
    this.id = id;
    this.proxy = proxy;
    this.options = options;
  }

  async start() {
    const life = this.lives;
    this.lives += 1;
    this.rss = [];
    this.#expectedToEnd = false;
    const options = { ...this.options, id: this.id, seed: this.options.seed + 100 * life };
    const child = fork(WORKER, [], {
      env: { ...process.env, CHAOS_WORKER: JSON.stringify(options) },
      stdio: 'inherit',
      execArgv: options.churn > 0 ? STEADY_HEAP : [],
    });
    this.#child = child;
    await new Promise((resolve, reject) => {
      child.on('message', (/** @type {any} */ message) => {
        if (message.report) this.#note(life, message.report);
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

  /** @param {number} life @param {Report} report */
  #note(life, report) {
    this.reports[life] = report;
    const at = performance.now();
    if (at - (this.rss.at(-1)?.at ?? 0) >= 1000) this.rss.push({ at, rss: report.rss });
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
