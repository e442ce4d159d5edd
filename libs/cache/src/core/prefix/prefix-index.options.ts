import { durationToMs, type Duration } from '../clock/duration.js';
import { CacheError, describeInput } from '../errors/cache-error.js';

/** How an index reads and refreshes. */
export interface PrefixIndexOptions {
  /**
   * Refreshes of one window become one statement; 0: each is a statement of its own, awaited by its caller.
   * @default one second where an accelerator stands before the store, else 0
   */
  refreshWindow?: Duration;
  /** So many refreshes wait at most; more are given up, and counted. @default 10_000 */
  maxPendingRefreshes?: number;
  /** How long a lookup waits for the accelerator before it asks the store. @default '50ms' */
  softTimeout?: Duration;
  /**
   * Finds the principal that owns the scope, as a UUID, for what callers name: an API key's id, a person of an organisation.
   * @default callers name the principal itself
   */
  principal?: (named: string) => string | null | Promise<string | null>;
}

export const PREFIX_INDEX_DEFAULTS = Object.freeze({ maxPendingRefreshes: 10_000, softTimeout: '50ms' } as const);

export interface ResolvedPrefixIndexOptions {
  readonly refreshWindowMs: number;
  readonly maxPendingRefreshes: number;
  readonly softTimeoutMs: number;
  readonly principal: PrefixIndexOptions['principal'] | null;
}

const ACCELERATED_WINDOW_MS = 1_000;

/** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID` naming the field */
export function resolvePrefixIndexOptions(
  options: PrefixIndexOptions,
  accelerated: boolean,
): ResolvedPrefixIndexOptions {
  const {
    refreshWindow,
    maxPendingRefreshes,
    softTimeout,
    principal = null,
  } = {
    ...PREFIX_INDEX_DEFAULTS,
    ...options,
  };
  if (!Number.isInteger(maxPendingRefreshes) || maxPendingRefreshes < 1) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`maxPendingRefreshes\` to be a whole number of at least 1, got ${describeInput(maxPendingRefreshes)}. Leave it out for ${PREFIX_INDEX_DEFAULTS.maxPendingRefreshes}.`,
    );
  }
  if (principal !== null && typeof principal !== 'function') {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`principal\` to be a function, got ${describeInput(principal)}. Leave it out where callers name the principal itself.`,
    );
  }
  return Object.freeze({
    refreshWindowMs:
      refreshWindow === undefined
        ? accelerated
          ? ACCELERATED_WINDOW_MS
          : 0
        : durationToMs(refreshWindow, 'refreshWindow'),
    maxPendingRefreshes,
    softTimeoutMs: durationToMs(softTimeout, 'softTimeout'),
    principal,
  });
}
