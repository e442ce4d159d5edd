import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/** What the cache writes to Nest's logger, beside trouble. */
export interface LoggingOptions {
  /**
   * A line for each read, `Cache hit: user/getUser:123`, where Nest's logger writes debug lines when the application starts. It
   * is asked for by name, since that logger writes debug lines unless told otherwise. @default false
   */
  reads?: boolean;
}

export const LOGGING_DEFAULTS: Readonly<Required<LoggingOptions>> = Object.freeze({ reads: false });

/** @throws CacheError `LARDER_OPTION_INVALID` */
export function resolveLoggingOptions({
  reads = LOGGING_DEFAULTS.reads,
}: LoggingOptions = {}): Required<LoggingOptions> {
  if (typeof reads === 'boolean') return { reads };
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`logging.reads\` to be true or false, got ${describeInput(reads)}. Leave it out for false.`,
  );
}
