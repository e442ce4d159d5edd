import { durationToMs, type Duration } from '../../core/clock/duration.js';
import type { BackendFigures } from '../../core/coherence/backend-figures.js';
import { SharedTier } from '../../core/coherence/shared-tier.port.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/**
 * Somewhere to keep bytes under a text key. It needs to promise nothing: what it loses is a miss, what it gives back too
 * long is not served, and where it throws or hangs the method runs. It is the cache's own: `clear` empties all of it.
 */
export interface CustomStore {
  /** The bytes of a key; `null` or `undefined`: not there, or expired. */
  get(key: string): Promise<Uint8Array | null | undefined>;
  /** Keeps bytes for `ttl` seconds, in place of what is there. */
  set(key: string, value: Uint8Array, ttl: number): Promise<unknown>;
  delete(key: string): Promise<unknown>;
  clear(): Promise<unknown>;
  /** Numbers of its own, for metrics and health; asked at every scrape, so it answers from memory. @default none */
  figures?(): BackendFigures;
}

/** Options of `custom`. */
export interface CustomOptions {
  /** Where values are kept. */
  store: CustomStore;
  /** Names the tier in hits, logs and metrics. @default 'custom' */
  name?: string;
  /**
   * Whose log several processes that share the store follow, e.g. `redis({ url })`; its own values are not used. Without
   * one each process uses only the values that it has stored itself. @default this process alone
   */
  log?: SharedTier;
  /** How long one call of the store may take. @default '1s' */
  timeout?: Duration;
}

export const CUSTOM_DEFAULTS = Object.freeze({ name: 'custom', timeout: '1s' } as const);

/** Options of `custom`, checked. */
export interface ResolvedCustomOptions {
  readonly store: CustomStore;
  readonly name: string;
  readonly log: SharedTier | null;
  readonly timeoutMs: number;
}

const NAME = /^[a-z][a-z0-9-]{0,31}$/;
const METHODS = ['get', 'set', 'delete', 'clear'] as const;

/** @throws CacheError `LARDER_OPTION_INVALID` or `LARDER_DURATION_INVALID` naming the field */
export function resolveCustomOptions(options: CustomOptions): ResolvedCustomOptions {
  const { store, name = CUSTOM_DEFAULTS.name, log = null, timeout = CUSTOM_DEFAULTS.timeout } = options ?? {};
  const missing = METHODS.filter(
    (method) => typeof (store as Partial<CustomStore> | undefined)?.[method] !== 'function',
  );
  if (missing.length > 0) {
    const got = store === undefined ? describeInput(store) : `${describeInput(store)} without ${missing.join(', ')}`;
    throw invalid('store', 'an object with get, set, delete and clear', got, 'Give it the missing methods.');
  }
  if (typeof name !== 'string' || !NAME.test(name))
    throw invalid('name', "1 to 32 of a-z, 0-9 and '-', a letter first", describeInput(name), "Use e.g. 'files'.");
  if (log !== null && !(log instanceof SharedTier))
    throw invalid('log', 'a backend whose log is shared', describeInput(log), 'Use redis({ url }), or leave it out.');
  const timeoutMs = durationToMs(timeout, 'timeout');
  if (timeoutMs === 0) throw invalid('timeout', 'longer than 0', describeInput(timeout), "Use e.g. '1s'.");
  return { store, name, log, timeoutMs };
}

function invalid(field: string, expected: string, got: string, cure: string): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` of custom() to be ${expected}, got ${got}. ${cure}`,
  );
}
