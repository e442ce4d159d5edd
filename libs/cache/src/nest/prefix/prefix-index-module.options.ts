import type { Duration } from '../../core/clock/duration.js';
import type { PrefixCacheOptions } from '../../core/prefix/prefix-cache.options.js';
import type { PrefixIndexOptions } from '../../core/prefix/prefix-index.options.js';
import type { PrefixStore } from '../../core/prefix/prefix-store.port.js';
import { resolvePrefixSweep, type ResolvedPrefixSweepOptions } from '../../core/prefix/prefix-sweeper.js';

/** When entries that expired long ago are deleted. */
export interface PrefixSweepOptions {
  /** How often an instance looks. @default '1h' */
  every?: Duration;
  /** How long an entry is kept after it has expired. @default '7d' */
  grace?: Duration;
  /** So many are deleted in one statement at most. @default 1_000 */
  batch?: number;
}

export const PREFIX_SWEEP_DEFAULTS = Object.freeze({ every: '1h', grace: '7d', batch: 1_000 } as const);

/** Options of `PrefixIndexModule.forRoot`. */
export interface PrefixIndexModuleOptions extends PrefixIndexOptions {
  /** Where the entries are durable, e.g. `typeormPrefixes()`. @default this process's memory */
  store?: PrefixStore;
  /** Whether the shared tier stands before the store, where the cache's backend can (`redis()` does). @default true */
  accelerate?: boolean;
  /** How `PrefixCache` uses the index. @default those of PrefixCacheOptions */
  cache?: PrefixCacheOptions;
  /** When entries that expired long ago are deleted; `false`: never. @default those of PrefixSweepOptions */
  sweep?: PrefixSweepOptions | false;
}

export const PREFIX_INDEX_MODULE_DEFAULTS = Object.freeze({ accelerate: true } as const);

/** `null`: never. @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID` naming the field */
export function resolvePrefixSweepOptions(options: PrefixSweepOptions | false = {}): ResolvedPrefixSweepOptions | null {
  if (options === false) return null;
  const { every, grace, batch } = { ...PREFIX_SWEEP_DEFAULTS, ...options };
  return resolvePrefixSweep(every, grace, batch);
}
