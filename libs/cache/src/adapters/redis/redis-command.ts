import type { Clock } from '../../core/clock/clock.port.js';
import type { RedisClient } from './redis-connector.js';
import { NO_CONTROL_RECORD, NOT_MASTER, STALE_ERA, type Script } from './scripts/script.js';

export type Argument = string | number | Buffer;
/** A reply as it comes: texts are buffers, because values are not text. */
export type Reply = Buffer | number | null | Reply[];

/** What a failure means for the link. */
export type FailureKind =
  /** The server is sound, but holds another history: attest again. */
  | 'history'
  /** The connection or the server is of no use: drop it. */
  | 'lost'
  /** This one command was refused (memory, arguments); the connection is sound. */
  | 'refused';

const HISTORY = new Set<string>([STALE_ERA, NO_CONTROL_RECORD]);
const REFUSED = new Set(['OOM', 'ERR', 'WRONGTYPE', 'NOSCRIPT', 'NOPERM', 'CROSSSLOT']);

/** A command that got no answer in time. What became of it is unknown. */
export class CommandTimeout extends Error {
  readonly code = 'TIMEOUT';
}

/** A Cluster's client says so when it was sent back and forth, as while a slot moves; the last answer is of no meaning. */
const REDIRECTED = /^Too many Cluster redirections\. Last error: (?:\w*Error: )?/;

/** The server's or the system's word for a failure, e.g. `READONLY`, `ECONNREFUSED`; never its text, which may hold secrets. */
export function failureCode(error: unknown): string {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string') return code;
  const text = typeof message === 'string' ? message : '';
  const word = /^-?([A-Z][A-Z0-9_]*)(?: |$)/.exec(text.replace(REDIRECTED, ''))?.[1];
  if (word === 'ASK' || word === 'MOVED') return 'TRYAGAIN';
  return word ?? (/closed|writeable/i.test(text) ? 'CLOSED' : 'UNKNOWN');
}

export function failureKind(error: unknown): FailureKind {
  const code = failureCode(error);
  if (HISTORY.has(code)) return 'history';
  // Everything else (READONLY, LOADING, MASTERDOWN, MISCONF, NOREPLICAS, CLUSTERDOWN, NOAUTH, a closed socket, …) says
  // that this server is not the place to be.
  return REFUSED.has(code) ? 'refused' : 'lost';
}

export function isNotMaster(error: unknown): boolean {
  return failureCode(error) === NOT_MASTER;
}

/** Runs a script by its digest; a server that has forgotten it (restart, SCRIPT FLUSH) is told it again. */
export async function runScript(
  client: RedisClient,
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<Reply> {
  try {
    return (await client.callBuffer('evalsha', script.sha, keys.length, ...keys, ...args)) as Reply;
  } catch (error) {
    if (failureCode(error) !== 'NOSCRIPT') throw error;
    return (await client.callBuffer('eval', script.lua, keys.length, ...keys, ...args)) as Reply;
  }
}

/** A timer that fires later than this after its time tells of a process that stood still, not of a slow server, ms. */
const STALL_MS = 20;

/**
 * Settles as `work` does, or rejects with `CommandTimeout`; the late outcome of `work` is then of no interest. If this
 * process stood still meanwhile, the answer may lie in the socket already: it gets one more, shorter, chance.
 */
export function inTime<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const dueAt = clock.monotonic() + limitMs;
    const fail = (): void => reject(new CommandTimeout(`no answer within ${limitMs} ms`));
    let timer = clock.schedule(limitMs, () => {
      if (clock.monotonic() - dueAt < STALL_MS) fail();
      else timer = clock.schedule(limitMs / 2, fail);
    });
    work.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error as Error);
      },
    );
  });
}

export function asText(reply: Reply | undefined): string {
  return Buffer.isBuffer(reply) ? reply.toString() : String(reply ?? '');
}

export function asList(reply: Reply | undefined): Reply[] {
  return Array.isArray(reply) ? reply : [];
}
