// @ts-check
/** One namespace with a surviving instance in it: processes die there one after the other, and after each all is checked. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CLAIM_TTL_MS, POLL_MS } from './points.mjs';
import { openShop } from './shop.mjs';

const VICTIM = fileURLToPath(new URL('victim.mjs', import.meta.url));
const OUTBOX_TABLE = 'hydracache_invalidation_outbox';
const JARS = [1, 2, 3, 4];
/** A victim that has not died by then does not reach its point. */
const LIFE_MS = 30_000;
/** What the worker's own pauses leave to the machine: several processes share few cores here. */
const SLACK_MS = 2_000;

/**
 * @typedef {object} Finding
 * @property {string} point
 * @property {string[]} complaints none is good
 * @property {number} retakenMs from the survivor's release until the backlog was gone
 * @property {number} committed
 * @property {number} unpublished rows the victim left behind
 * @property {number} claimed rows among them that it had claimed
 */

export class Lane {
  /** True while the survivor's worker is to keep away from the victim's rows. */
  #held = false;
  #lives = 0;
  /** @type {Awaited<ReturnType<typeof openShop>>} */
  #shop;

  /**
   * @param {Omit<import('./shop.mjs').ShopPlan, 'name'>} plan
   */
  constructor(plan) {
    this.plan = plan;
  }

  async open() {
    this.#shop = await openShop(
      { ...this.plan, name: 'survivor' },
      {
        schema: 'install',
        prepare: (outbox) => {
          const claim = outbox.claim.bind(outbox);
          outbox.claim = async (/** @type {unknown[]} */ ...args) => (this.#held ? [] : claim(...args));
        },
      },
    );
    const { dataSource } = this.#shop;
    for (const jar of JARS) {
      await dataSource.query(`INSERT INTO jar VALUES ($1, $2, 'first')`, [this.plan.namespace, jar]);
    }
  }

  close() {
    return this.#shop.close();
  }

  /**
   * @param {import('./points.mjs').CrashPoint} point
   * @param {number} passes
   * @returns {Promise<Finding>}
   */
  async kill(point, passes) {
    /** @type {string[]} */
    const complaints = [];
    const life = `${this.plan.namespace}-${(this.#lives += 1)}`;
    for (const jar of JARS) await this.#shop.read(jar); // what is cached now is what must not outlive the writes
    this.#held = true;
    await this.#liveAndDie({ point, passes, life }, complaints);
    await this.#databaseNotices(life);
    const left = await this.#unpublished();
    const startedAt = performance.now();
    this.#held = false;
    await this.#until(async () => (await this.#unpublished()).rows === 0, LIFE_MS);
    const retakenMs = performance.now() - startedAt;
    // The jitter of the poll is a fifth; a failed row waits for its backoff, which is one poll here.
    const within = CLAIM_TTL_MS + 250 * 1.2 + POLL_MS + SLACK_MS;
    if (retakenMs > within) complaints.push(`rows were retaken after ${retakenMs} ms, expected ${within}`);
    await this.#checkJars(complaints);
    const committed = await this.#checkRows(life, complaints);
    return { point: point.name, complaints, retakenMs, committed, unpublished: left.rows, claimed: left.claimed };
  }

  /**
   * @param {{ point: import('./points.mjs').CrashPoint, passes: number, life: string }} fate
   * @param {string[]} complaints
   */
  async #liveAndDie({ point, passes, life }, complaints) {
    const plan = { ...this.plan, name: life, point, passes, jars: JARS, life };
    const child = fork(VICTIM, [], { env: { ...process.env, CRASH_PLAN: JSON.stringify(plan) }, stdio: 'inherit' });
    /** @type {[number | null, NodeJS.Signals | null] | undefined} */
    let end;
    child.once('exit', (code, signal) => (end = [code, signal]));
    const tooLong = setTimeout(() => child.kill('SIGTERM'), LIFE_MS);
    for (let n = 0; point.role === 'worker' && end === undefined; n += 1) {
      const jar = JARS[n % JARS.length];
      await this.#shop.write(jar, `${life}-${n}`, { rollsBack: n % 4 === 2, nested: n % 3 === 1 });
      // A few at first, for full batches; then slowly, for points that only another row reaches.
      if (n > 8) await sleep(5 * POLL_MS);
    }
    if (end === undefined) await once(child, 'exit');
    clearTimeout(tooLong);
    if (end?.[1] !== 'SIGKILL') complaints.push(`it ended by ${end?.join('/')} instead of dying`);
  }

  /** A dead client's last statement may still run; what it does is decided when its backend is gone. */
  async #databaseNotices(/** @type {string} */ name) {
    const sql = 'SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1';
    await this.#until(async () => (await this.#shop.dataSource.query(sql, [name]))[0].count === 0, LIFE_MS);
  }

  /** @returns {Promise<{ rows: number, claimed: number }>} */
  async #unpublished() {
    const sql = `SELECT count(*)::int AS rows, count(claimed_at_ms)::int AS claimed FROM ${OUTBOX_TABLE}
      WHERE namespace = $1 AND state <> 'published'`;
    return (await this.#shop.dataSource.query(sql, [this.plan.namespace]))[0];
  }

  /**
   * No stale value: every jar is soon read as it stands in the table, and nothing but its invalidation can bring that about.
   * @param {string[]} complaints
   */
  async #checkJars(complaints) {
    for (const jar of JARS) {
      const sql = 'SELECT token FROM jar WHERE namespace = $1 AND id = $2';
      const [{ token }] = await this.#shop.dataSource.query(sql, [this.plan.namespace, jar]);
      const fresh = await this.#until(async () => (await this.#shop.read(jar)) === token, SLACK_MS).catch(() => false);
      if (fresh === false)
        complaints.push(`LOST: jar ${jar} is read as ${await this.#shop.read(jar)}, not as ${token}`);
    }
  }

  /**
   * Every committed write has its published row, with the position in the log; every row has its committed write.
   * @param {string} life
   * @param {string[]} complaints
   * @returns {Promise<number>} how many writes it committed
   */
  async #checkRows(life, complaints) {
    const { dataSource } = this.#shop;
    /** @type {{ token: string }[]} */
    const written = await dataSource.query(`SELECT token FROM written WHERE namespace = $1 AND token LIKE $2`, [
      this.plan.namespace,
      `${life}-%`,
    ]);
    /** @type {{ cache_tag: string, applied_pos: string | null }[]} */
    const rows = await dataSource.query(
      `SELECT cache_tag, applied_pos FROM ${OUTBOX_TABLE} WHERE namespace = $1 AND cache_tag LIKE $2`,
      [this.plan.namespace, `token:${life}-%`],
    );
    const committed = new Set(written.map(({ token }) => `token:${token}`));
    const recorded = new Set(rows.map(({ cache_tag }) => cache_tag));
    for (const tag of committed) if (!recorded.has(tag)) complaints.push(`LOST: no row of ${tag}`);
    for (const tag of recorded) if (!committed.has(tag)) complaints.push(`PHANTOM: a row of ${tag}`);
    for (const { cache_tag, applied_pos } of rows) {
      if (applied_pos === null) complaints.push(`LOST: ${cache_tag} is published without a position`);
    }
    return committed.size;
  }

  /**
   * @param {() => Promise<boolean>} condition
   * @param {number} limitMs
   */
  async #until(condition, limitMs) {
    const giveUpAt = performance.now() + limitMs;
    while (!(await condition())) {
      if (performance.now() > giveUpAt) throw new Error(`waited ${limitMs} ms in vain: ${condition.toString()}`);
      await sleep(10);
    }
    return true;
  }
}
