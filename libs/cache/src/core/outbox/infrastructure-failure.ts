/**
 * Codes of errors that say something about a server or the way to it, not about the row: Node's socket errors, the classes
 * of PostgreSQL for lost connections and shutdown, those of MariaDB and MySQL, and Larder's own.
 */
const INFRASTRUCTURE_CODES: ReadonlySet<string> = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  'ER_CON_COUNT_ERROR',
  'ER_SERVER_SHUTDOWN',
  'LARDER_CLOSED',
]);
const LARDER_UNAVAILABLE = /^LARDER_\w+_(UNAVAILABLE|UNCERTAIN)$/;
const POSTGRES_CONNECTION_CLASS = /^08/;
const MAX_CAUSES = 8;

/**
 * Whether an error is about infrastructure. Such a failure is not the row's fault and must not count against it: with five
 * attempts at one second, any outage above five seconds would otherwise dead-letter the whole queue.
 */
export function isInfrastructureFailure(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < MAX_CAUSES; cause = cause.cause, depth += 1) {
    const { code, fatal } = cause as { code?: unknown; fatal?: unknown };
    if (typeof code === 'string' && isInfrastructureCode(code)) return true;
    if (fatal === true) return true; // so the driver of MariaDB and MySQL marks an error that ends the connection
  }
  return false;
}

function isInfrastructureCode(code: string): boolean {
  return INFRASTRUCTURE_CODES.has(code) || LARDER_UNAVAILABLE.test(code) || POSTGRES_CONNECTION_CLASS.test(code);
}
