// @ts-check
/** The watchdog itself; see watchdog.mjs. Reads what to guard, waits until its parent is gone, then clears up. */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { childrenOf, haveEnded, inspect, send, signalTree } from './process-tree.mjs';

const PATIENCE_MS = 3_000;

/** @type {Map<number, import('./watchdog.mjs').Guarded>} */
const guarded = new Map();

for await (const line of createInterface({ input: process.stdin })) {
  /** @type {import('./watchdog.mjs').WatchdogMessage} */
  const message = JSON.parse(line);
  if ('guard' in message) guarded.set(message.id, message.guard);
  else guarded.delete(message.id);
}

// Last come, first gone: what uses a server ends before the server, and a server before its folder.
for (const entry of [...guarded.values()].reverse()) {
  if ('process' in entry) await end(entry.process);
  else rmSync(entry.folder, { recursive: true, force: true, maxRetries: 5 });
}

/** @param {import('./watchdog.mjs').GuardedProcess} guarded */
async function end({ pid, startedAt, signal }) {
  if (inspect(pid)?.startedAt !== startedAt) return; // it has ended, and the pid may be somebody else's by now
  const tree = [pid, ...childrenOf(pid)];
  send(pid, signal);
  for (const member of tree) send(member, 'SIGCONT'); // a paused server hears nothing
  if (await haveEnded(tree, PATIENCE_MS)) return;
  if (inspect(pid)?.startedAt === startedAt) signalTree(pid, 'SIGKILL');
  await haveEnded(tree, PATIENCE_MS);
}
