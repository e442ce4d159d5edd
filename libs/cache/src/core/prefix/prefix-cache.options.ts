import { durationToMs, type Duration } from '../clock/duration.js';
import { CacheError, describeInput } from '../errors/cache-error.js';
import { TtlTier } from './ttl-tier.js';

/** How `PrefixCache` uses an index. */
export interface PrefixCacheOptions {
  /** The tier of a breakpoint whose marker names none. @default '5m' */
  tier?: '5m' | '1h' | '24h';
  /** A lookup that takes longer is no hit. @default '5s' */
  findTimeout?: Duration;
  /** A write that takes longer is given up. @default '30s' */
  recordTimeout?: Duration;
  /** Failures of one kind are logged at most once in this time. @default '10s' */
  reportEvery?: Duration;
}

export const PREFIX_CACHE_DEFAULTS = Object.freeze({
  tier: '5m',
  findTimeout: '5s',
  recordTimeout: '30s',
  reportEvery: '10s',
} as const);

export interface ResolvedPrefixCacheOptions {
  readonly tier: TtlTier;
  readonly findTimeoutMs: number;
  readonly recordTimeoutMs: number;
  readonly reportEveryMs: number;
}

/** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID` naming the field */
export function resolvePrefixCacheOptions(options: PrefixCacheOptions): ResolvedPrefixCacheOptions {
  const { tier, findTimeout, recordTimeout, reportEvery } = { ...PREFIX_CACHE_DEFAULTS, ...options };
  const known = TtlTier.parse(tier);
  if (known === null) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`tier\` to be '5m', '1h' or '24h', got ${describeInput(tier)}. Leave it out for '5m'.`,
    );
  }
  return Object.freeze({
    tier: known,
    findTimeoutMs: durationToMs(findTimeout, 'findTimeout'),
    recordTimeoutMs: durationToMs(recordTimeout, 'recordTimeout'),
    reportEveryMs: durationToMs(reportEvery, 'reportEvery'),
  });
}
