import type { Registry } from 'prom-client';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/** Options of `prometheus()`. */
export interface PrometheusOptions {
  /** Where the metrics are registered. @default the global registry of prom-client */
  registry?: Registry;
  /** Stands before every name. @default 'larder_' */
  prefix?: string;
  /** Pairs of scope and method with label values of their own; the busiest have them, the rest is `other`. @default 200 */
  maxActions?: number;
}

export const PROMETHEUS_DEFAULTS = Object.freeze({ prefix: 'larder_', maxActions: 200 } as const);

export interface ResolvedPrometheusOptions {
  readonly prefix: string;
  readonly maxActions: number;
}

const PREFIX = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** @throws CacheError `LARDER_OPTION_INVALID` */
export function resolvePrometheusOptions(options: PrometheusOptions): ResolvedPrometheusOptions {
  const { prefix = PROMETHEUS_DEFAULTS.prefix, maxActions = PROMETHEUS_DEFAULTS.maxActions } = options;
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`prefix\` of prometheus() to be letters, digits, '_' or ':', not starting with a digit, got ${describeInput(prefix)}. Use e.g. 'shop_cache_'.`,
    );
  }
  if (!Number.isSafeInteger(maxActions) || maxActions < 1) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`maxActions\` of prometheus() to be a whole number of at least 1, got ${describeInput(maxActions)}. Leave it out for ${PROMETHEUS_DEFAULTS.maxActions}.`,
    );
  }
  return { prefix, maxActions };
}
