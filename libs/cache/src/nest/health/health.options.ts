import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/** When the outbox counts as degraded or down. */
export interface OutboxHealthOptions {
  /** Degraded from this age of the oldest pending row on, ms. @default 10_000 */
  degradedAgeMs?: number;
  /** Down from this age of the oldest pending row on, ms. @default 300_000 */
  downAgeMs?: number;
  /** Degraded from so many dead rows on. @default 1 */
  degradedDeadRows?: number;
  /** How long the database may take to answer before it counts as down, ms. @default 2_000 */
  timeoutMs?: number;
}

export const OUTBOX_HEALTH_DEFAULTS = Object.freeze({
  degradedAgeMs: 10_000,
  downAgeMs: 300_000,
  degradedDeadRows: 1,
  timeoutMs: 2_000,
} as const);

/** When the audit counts as degraded or down. */
export interface AuditHealthOptions {
  /** Degraded from so many records on that could not be written, one after the other, until one is written again. @default 1 */
  degradedFailures?: number;
  /** How long the audit store may take to answer before it counts as down, ms. @default 2_000 */
  timeoutMs?: number;
}

export const AUDIT_HEALTH_DEFAULTS = Object.freeze({ degradedFailures: 1, timeoutMs: 2_000 } as const);

/** @throws CacheError `LARDER_OPTION_INVALID` naming the field */
export function resolveOutboxHealthOptions(options: OutboxHealthOptions): Required<OutboxHealthOptions> {
  return checked('outbox', { ...OUTBOX_HEALTH_DEFAULTS, ...options });
}

/** @throws CacheError `LARDER_OPTION_INVALID` naming the field */
export function resolveAuditHealthOptions(options: AuditHealthOptions): Required<AuditHealthOptions> {
  return checked('audit', { ...AUDIT_HEALTH_DEFAULTS, ...options });
}

function checked<Options extends Readonly<Record<keyof Options, number>>>(check: string, options: Options): Options {
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'number' && value >= 0) continue;
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`${name}\` of the health check \`${check}\` to be a number of at least 0, got ${describeInput(value)}. Leave it out for the default.`,
    );
  }
  return options;
}
