import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/** Where the routes of the invalidation API stand, below the application's global prefix. */
export interface InvalidationApiOptions {
  /** `POST`: invalidates keys. @default 'invalidate/key' */
  keyPath?: string;
  /** `POST`: invalidates by pattern. @default 'invalidate/pattern' */
  patternPath?: string;
  /** `GET`: what was invalidated, when, and who asked. @default 'audit/logs' */
  logsPath?: string;
  /** `GET`: what this instance has done so far. @default 'invalidate/metrics' */
  metricsPath?: string;
}

export type ResolvedInvalidationApiOptions = Readonly<Required<InvalidationApiOptions>>;

export const INVALIDATION_API_DEFAULTS: ResolvedInvalidationApiOptions = Object.freeze({
  keyPath: 'invalidate/key',
  patternPath: 'invalidate/pattern',
  logsPath: 'audit/logs',
  metricsPath: 'invalidate/metrics',
});

const PATH = /^[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+)*$/;

/** @throws CacheError `LARDER_OPTION_INVALID` */
export function resolveInvalidationApiOptions(options: InvalidationApiOptions = {}): ResolvedInvalidationApiOptions {
  const resolved: Record<keyof InvalidationApiOptions, string> = { ...INVALIDATION_API_DEFAULTS };
  for (const [field, path] of Object.entries(options)) {
    if (!(field in resolved)) {
      throw invalid('invalidationApi', `one of ${Object.keys(resolved).join(', ')} as fields`, field);
    }
    if (path === undefined) continue;
    if (typeof path !== 'string' || !PATH.test(path)) {
      throw invalid(`invalidationApi.${field}`, 'a path such as `cache/keys`, without a slash at its ends', path);
    }
    resolved[field as keyof InvalidationApiOptions] = path;
  }
  assertDistinct(resolved);
  return Object.freeze(resolved);
}

function assertDistinct({ keyPath, patternPath, logsPath, metricsPath }: ResolvedInvalidationApiOptions): void {
  if (keyPath === patternPath) throw invalid('invalidationApi.patternPath', 'another path than `keyPath`', patternPath);
  if (logsPath === metricsPath)
    throw invalid('invalidationApi.metricsPath', 'another path than `logsPath`', metricsPath);
}

function invalid(field: string, expected: string, got: unknown): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` to be ${expected}, got ${describeInput(got)}. Leave it out for the default, or set \`invalidationApi: false\` for no routes.`,
  );
}
