// @ts-check
/**
 * Tells a small process of its own, the watchdog, which servers and folders this process has made. When this process
 * ends, however it ends, the pipe between the two closes, and the watchdog removes what is left. It lives only while
 * there is something to guard.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { inspect } from './process-tree.mjs';

/**
 * @typedef {object} GuardedProcess
 * @property {number} pid
 * @property {string} startedAt tells the process from a later one with the same pid
 * @property {NodeJS.Signals} signal ends it at once and in order; SIGKILL follows when it does not
 *
 * @typedef {{ process: GuardedProcess } | { folder: string }} Guarded
 * @typedef {{ id: number, guard: Guarded } | { id: number, release: true }} WatchdogMessage one line of JSON each
 */

/** @type {Map<number, Guarded>} */
const guarded = new Map();
/** @type {ReturnType<typeof hire> | undefined} */
let watchdog;
let lastId = 0;

/**
 * Has a server ended when this process is gone.
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 * @returns {() => void} call it when the server has ended by itself
 */
export function guardProcess(pid, signal) {
  const facts = inspect(pid);
  return facts ? guard({ process: { pid, startedAt: facts.startedAt, signal } }) : () => {};
}

/**
 * Has a folder removed, with all that is in it, when this process is gone.
 * @param {string} folder
 * @returns {() => void} call it when the folder is removed
 */
export function guardFolder(folder) {
  return guard({ folder });
}

/** @param {Guarded} entry */
function guard(entry) {
  const id = (lastId += 1);
  guarded.set(id, entry);
  if (watchdog?.stdin.writable) tell({ id, guard: entry });
  else {
    watchdog = hire();
    for (const [known, each] of guarded) tell({ id: known, guard: each });
  }
  return () => {
    if (!guarded.delete(id)) return;
    tell({ id, release: true });
    if (guarded.size === 0) dismiss();
  };
}

function hire() {
  // A session of its own: Ctrl-C in the terminal must not reach it before it has done its work.
  const child = spawn(process.execPath, [fileURLToPath(new URL('watchdog-process.mjs', import.meta.url))], {
    detached: true,
    cwd: '/',
    env: { PATH: process.env.PATH },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Neither the process nor its pipe keeps this process alive: ending is exactly what the watchdog waits for.
  child.unref();
  /** @type {import('node:net').Socket} */ (child.stdin).unref();
  // A watchdog that was killed is replaced by the next guard(), which tells the new one everything.
  child.stdin.on('error', () => child.stdin.destroy());
  return child;
}

function dismiss() {
  watchdog?.stdin.end();
  watchdog = undefined;
}

/** @param {WatchdogMessage} message */
function tell(message) {
  if (watchdog?.stdin.writable) watchdog.stdin.write(`${JSON.stringify(message)}\n`);
}
