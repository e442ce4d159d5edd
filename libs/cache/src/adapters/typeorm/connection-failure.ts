import { setTimeout as sleep } from 'node:timers/promises';

const CODES: ReadonlySet<string> = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  '57P01',
  '57P02',
  '57P03',
]);
const POSTGRES_CONNECTION_CLASS = /^08/;
/** What the driver says of a connection that went away, without a code. Of one that was waited for in vain it speaks of a timeout. */
const GONE = /^(Connection terminated|Client has encountered a connection error)(?!.*timeout)/i;
const MAX_CAUSES = 4;

const FIRST_WAIT_MS = 100;
const JITTER = 0.2;

/** True where the connection failed, and not the statement nor the wait for a connection of the pool. */
export function isConnectionFailure(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < MAX_CAUSES; depth += 1) {
    const { code, driverError } = cause as { code?: unknown; driverError?: unknown };
    if (typeof code === 'string' && (CODES.has(code) || POSTGRES_CONNECTION_CLASS.test(code))) return true;
    if (GONE.test(cause.message)) return true;
    cause = driverError ?? cause.cause;
  }
  return false;
}

/**
 * Runs what may be repeated; after a failure of the connection it is, `retries` times, each after twice the wait and some
 * chance, so that instances cut off together do not come back together (REQ-001-26).
 */
export async function retrying<T>(work: () => Promise<T>, retries: number): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= retries || !isConnectionFailure(error)) throw error;
      await sleep(FIRST_WAIT_MS * 2 ** attempt * (1 + JITTER * Math.random()));
    }
  }
}
