import type { Meter, Tracer } from '@opentelemetry/api';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/** Options of `opentelemetry()`. */
export interface OpentelemetryOptions {
  /** Makes the spans. @default that of the global provider, by the name 'nestjs-larder' */
  tracer?: Tracer;
  /** Makes the metrics. @default that of the global provider when the application starts, by the name 'nestjs-larder' */
  meter?: Meter;
  /** Whether spans are made. @default true */
  traces?: boolean;
  /** Whether metrics are shown. @default true */
  metrics?: boolean;
  /** Stands before every name of a metric. @default 'larder.' */
  prefix?: string;
  /** Pairs of scope and method with attributes of their own; the first used have them, the rest is `(other)`. @default 200 */
  maxActions?: number;
}

export const OPENTELEMETRY_DEFAULTS = Object.freeze({
  traces: true,
  metrics: true,
  prefix: 'larder.',
  maxActions: 200,
} as const);

export type ResolvedOpentelemetryOptions = Readonly<
  Required<Pick<OpentelemetryOptions, keyof typeof OPENTELEMETRY_DEFAULTS>>
>;

/** Names of instruments begin with a letter. */
const PREFIX = /^[a-zA-Z][a-zA-Z0-9_.-]{0,63}$/;

/** @throws CacheError `LARDER_OPTION_INVALID` */
export function resolveOpentelemetryOptions(options: OpentelemetryOptions): ResolvedOpentelemetryOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { traces, metrics, prefix, maxActions }: ResolvedOpentelemetryOptions = { ...OPENTELEMETRY_DEFAULTS, ...given };
  for (const [field, value] of Object.entries({ traces, metrics })) {
    if (typeof value !== 'boolean') throw invalid(field, 'true or false', value, 'Leave it out for true.');
  }
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw invalid('prefix', "letters, digits, '_', '.' or '-', a letter first", prefix, "Use e.g. 'shop.cache.'.");
  }
  if (!Number.isSafeInteger(maxActions) || maxActions < 1) {
    const cure = `Leave it out for ${OPENTELEMETRY_DEFAULTS.maxActions}.`;
    throw invalid('maxActions', 'a whole number of at least 1', maxActions, cure);
  }
  return { traces, metrics, prefix, maxActions };
}

function invalid(field: string, expected: string, got: unknown, cure: string): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` of opentelemetry() to be ${expected}, got ${describeInput(got)}. ${cure}`,
  );
}
