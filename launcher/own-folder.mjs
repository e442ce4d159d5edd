// @ts-check
import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { guardFolder } from './watchdog.mjs';

/** @typedef {{ uid?: number, gid?: number }} Owner empty: whoever runs this process */

/**
 * PostgreSQL and MariaDB refuse to run as root. Then they run as one of the users that exist for such work.
 * @returns {Owner}
 */
export function unprivilegedOwner() {
  if (process.getuid?.() !== 0) return {};
  for (const user of ['postgres', 'nobody']) {
    const uid = idOf(user, '-u');
    const gid = idOf(user, '-g');
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new Error('Expected a user `postgres` or `nobody`, since database servers do not run as root; found neither.');
}

/** A temporary folder that only its owner can enter. It goes with `remove()`, at the latest when this process ends. */
export class OwnFolder {
  path;
  #release;

  /**
   * @param {string} purpose part of its name
   * @param {Owner} [owner]
   */
  constructor(purpose, owner = {}) {
    // A root shell may have a temporary folder that is closed to everybody else.
    const parent = owner.uid === undefined || isOpenToAll(tmpdir()) ? tmpdir() : '/tmp';
    this.path = mkdtempSync(join(realpathSync(parent), `larder-${purpose}-`));
    this.#release = guardFolder(this.path);
    giveTo(owner, this.path);
  }

  remove() {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
    this.#release();
  }
}

/**
 * @param {Owner} owner
 * @param {string} path
 */
export function giveTo({ uid, gid }, path) {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

/**
 * @param {string} path
 * @returns {boolean} whether every user may enter it and all folders above
 */
export function isOpenToAll(path) {
  const OTHERS_MAY_ENTER = 0o001;
  const real = realpathSync(path);
  const open = (statSync(real).mode & OTHERS_MAY_ENTER) !== 0;
  return open && (real === dirname(real) || isOpenToAll(dirname(real)));
}

/**
 * @param {string} user
 * @param {'-u' | '-g'} which
 */
function idOf(user, which) {
  try {
    return Number(execFileSync('id', [which, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch (error) {
    if (/** @type {{ status?: number }} */ (error).status === 1) return undefined; // id: no such user
    throw error;
  }
}
