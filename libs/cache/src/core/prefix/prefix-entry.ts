import { describeInput } from '../errors/cache-error.js';
import type { IndexScope } from './index-scope.js';
import { invalidData } from './prefix-errors.js';
import { TtlTier } from './ttl-tier.js';

/**
 * The cumulative hash of a prompt's content up to and including a block, as raw bytes. Markers such as `cache_control` are
 * not part of it, so equal content with other markers matches (REQ-001-01).
 */
export type PrefixHash = Uint8Array;

/** A live entry for one of the hashes that were asked for. */
export interface PrefixMatch {
  readonly prefixHash: PrefixHash;
  /** Tokens of the prefix, as they were counted when it was written: nothing is counted again. */
  readonly cumulativeTokenCount: number;
  readonly ttlTier: TtlTier;
  /** By the clock of the database. */
  readonly expiresAt: Date;
}

/** A write to record. */
export interface PrefixEntry {
  readonly scope: IndexScope;
  readonly prefixHash: PrefixHash;
  readonly cumulativeTokenCount: number;
  readonly ttlTier: TtlTier;
  /** Left out: the tier's duration from now, by the clock of the database. */
  readonly expiresAt?: Date;
}

/** An entry as a store holds it, not judged yet. */
export interface StoredPrefix {
  readonly hash: Uint8Array;
  readonly count: number;
  readonly tier: string;
  readonly expiresAt: Date;
  /** What was left of its life when the store answered, ms by the store's clock. */
  readonly leftMs: number;
  /** Grows with every write of the store, and so orders the writes of one entry. */
  readonly order: number;
}

/** What fits into the column; a larger count is written as this (REQ-001-12). */
export const MAX_TOKEN_COUNT = 2 ** 31 - 1;
/** Longest hash, bytes: far above any digest, far below what an index of the database can hold. */
export const MAX_HASH_BYTES = 1024;
const U32 = 2 ** 32;

/** @throws CacheError `LARDER_PREFIX_INVALID` for a tier that is not known: such a row is never passed over (REQ-001-12) */
export function toMatch({ hash, count, tier, expiresAt }: StoredPrefix): PrefixMatch {
  const ttlTier = TtlTier.parse(tier);
  if (ttlTier === null) throw invalidData(`unknown ttl_tier ${JSON.stringify(tier)}`);
  return { prefixHash: hash, cumulativeTokenCount: Math.max(0, count), ttlTier, expiresAt };
}

/** @throws CacheError `LARDER_PREFIX_INVALID` */
export function assertHash(hash: unknown): asserts hash is PrefixHash {
  if (!(hash instanceof Uint8Array))
    throw invalidData(`expected a hash as bytes (Uint8Array), got ${describeInput(hash)}`);
  if (hash.length === 0 || hash.length > MAX_HASH_BYTES) {
    throw invalidData(`expected a hash of 1 to ${MAX_HASH_BYTES} bytes, got ${hash.length}`);
  }
}

/** @throws CacheError `LARDER_PREFIX_INVALID` */
export function assertTier(tier: unknown): asserts tier is TtlTier {
  if (tier instanceof TtlTier) return;
  throw invalidData(`expected a TtlTier, got ${describeInput(tier)}; use TtlTier.parse('5m')`);
}

/** @throws CacheError `LARDER_PREFIX_INVALID` */
export function assertInstant(at: unknown): asserts at is Date {
  if (at instanceof Date && Number.isFinite(at.getTime())) return;
  throw invalidData(`expected expiry to be a Date, got ${describeInput(at)}`);
}

/** The count as it is stored. @throws CacheError `LARDER_PREFIX_INVALID` for what is no 32-bit unsigned number */
export function storableCount(count: unknown): number {
  if (typeof count === 'number' && Number.isInteger(count) && count >= 0 && count < U32) {
    return Math.min(count, MAX_TOKEN_COUNT);
  }
  throw invalidData(`expected a token count from 0 to ${U32 - 1}, got ${describeInput(count)}`);
}
