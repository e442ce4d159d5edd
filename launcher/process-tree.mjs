// @ts-check
/**
 * What the launcher and its watchdog must know of processes: are they alive, are they still the same, who are their
 * children. A pid alone is not an identity: the kernel gives it again. With its start time it is one.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const hasProc = existsSync('/proc/self/stat');

/**
 * @typedef {object} ProcessFacts
 * @property {number} pid
 * @property {number} parent
 * @property {boolean} zombie ended, but not yet collected by its parent
 * @property {string} startedAt when it started, in a unit of the system's own; only good for comparing
 */

/**
 * @param {number} pid
 * @returns {ProcessFacts | undefined} undefined when no such process lives
 */
export function inspect(pid) {
  return hasProc ? readProc(pid) : askPs(['-p', String(pid)])[0];
}

/** @param {number} pid */
export function isAlive(pid) {
  const facts = inspect(pid);
  return facts !== undefined && !facts.zombie;
}

/**
 * @param {number} pid
 * @returns {number[]} the pids of its direct children
 */
export function childrenOf(pid) {
  const all = hasProc
    ? readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((name) => readProc(Number(name)))
    : askPs(['-A']);
  return all.flatMap((facts) => (facts?.parent === pid ? [facts.pid] : []));
}

/**
 * Signals a process and its direct children. The parent is stopped first, so that it cannot have another child while
 * they are counted, and runs on unless the signal is SIGSTOP or ends it.
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 * @returns {number[]} every pid that was there
 */
export function signalTree(pid, signal) {
  if (!send(pid, 'SIGSTOP')) return [];
  const tree = [pid, ...childrenOf(pid)];
  for (const member of tree) send(member, signal);
  if (signal !== 'SIGSTOP') send(pid, 'SIGCONT');
  return tree;
}

/**
 * Kills a process with all its descendants, the youngest first.
 * @param {number} pid
 */
export function killFamily(pid) {
  for (const child of childrenOf(pid)) killFamily(child);
  send(pid, 'SIGKILL');
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 * @returns {boolean} false when the process had already ended
 */
export function send(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    throw error;
  }
}

/**
 * @param {number[]} pids
 * @param {number} withinMs
 * @returns {Promise<boolean>} whether all of them ended in time
 */
export async function haveEnded(pids, withinMs) {
  const deadline = Date.now() + withinMs;
  while (pids.some(isAlive)) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

/** @param {number} pid */
function readProc(pid) {
  let stat;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error))) return undefined;
    throw error;
  }
  // The second field is the command in parentheses and may itself hold blanks and parentheses; see proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid, zombie: fields[0] === 'Z', parent: Number(fields[1]), startedAt: fields[19] ?? '' };
}

/** @param {string[]} selection */
function askPs(selection) {
  let table;
  try {
    table = execFileSync('ps', ['-o', 'pid=,ppid=,stat=,lstart=', ...selection], { encoding: 'utf8' });
  } catch (error) {
    if (/** @type {{ status?: number }} */ (error).status === 1) return []; // ps: nothing selected
    throw error;
  }
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, state, ...startedAt] = line.trim().split(/\s+/);
      return {
        pid: Number(pid),
        parent: Number(parent),
        zombie: state?.startsWith('Z') ?? false,
        startedAt: startedAt.join(' '),
      };
    });
}

/** @param {unknown} error */
function codeOf(error) {
  return /** @type {{ code?: string }} */ (error).code ?? '';
}
