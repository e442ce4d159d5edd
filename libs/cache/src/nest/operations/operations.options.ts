import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/** Where the routes for operators stand, below the application's global prefix. */
export interface OperationsOptions {
  /** `GET`: the backlog of the outbox. @default 'outbox/status' */
  outboxPath?: string;
  /** `GET`: the rows of the outbox that were given up. @default 'outbox/dead-letters' */
  deadLettersPath?: string;
  /** `POST`: tries them again. @default 'outbox/dead-letters/reset' */
  resetPath?: string;
  /** `GET`: the numbers of this instance's cache. @default 'cache/metrics' */
  metricsPath?: string;
  /** `GET`: where a key is, and why it is not. @default 'cache/explain' */
  explainPath?: string;
  /** `GET`: what is switched at run time; `POST`: switches. @default 'cache/switches' */
  switchesPath?: string;
}

export type ResolvedOperationsOptions = Readonly<Required<OperationsOptions>>;

export const OPERATIONS_DEFAULTS: ResolvedOperationsOptions = Object.freeze({
  outboxPath: 'outbox/status',
  deadLettersPath: 'outbox/dead-letters',
  resetPath: 'outbox/dead-letters/reset',
  metricsPath: 'cache/metrics',
  explainPath: 'cache/explain',
  switchesPath: 'cache/switches',
});

const PATH = /^[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+)*$/;

/** @throws CacheError `LARDER_OPTION_INVALID` */
export function resolveOperationsOptions(options: OperationsOptions = {}): ResolvedOperationsOptions {
  const resolved: Record<keyof OperationsOptions, string> = { ...OPERATIONS_DEFAULTS };
  for (const [field, path] of Object.entries(options)) {
    if (!(field in resolved))
      throw invalid('operations', `one of ${Object.keys(resolved).join(', ')} as fields`, field);
    if (path === undefined) continue;
    if (typeof path !== 'string' || !PATH.test(path)) {
      throw invalid(`operations.${field}`, 'a path such as `ops/metrics`, without a slash at its ends', path);
    }
    resolved[field as keyof OperationsOptions] = path;
  }
  const { outboxPath, deadLettersPath, metricsPath, explainPath, switchesPath, resetPath } = resolved;
  const repeated = [
    ...repetitions([outboxPath, deadLettersPath, metricsPath, explainPath, switchesPath]),
    ...repetitions([resetPath, switchesPath]),
  ];
  if (repeated.length > 0) throw invalid('operations', 'paths that differ', repeated[0]);
  return Object.freeze(resolved);
}

function repetitions(paths: readonly string[]): string[] {
  return paths.filter((path, index) => paths.indexOf(path) !== index);
}

function invalid(field: string, expected: string, got: unknown): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` to be ${expected}, got ${describeInput(got)}. Leave it out for the default, or set \`operations: false\` for no routes.`,
  );
}
