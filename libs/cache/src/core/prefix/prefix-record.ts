import type { StandingRecord } from '../coherence/record-accelerator.port.js';
import type { StoredPrefix } from './prefix-entry.js';
import { TtlTier } from './ttl-tier.js';

/**
 * What of an entry is kept in the accelerator; the hash is the key. Numbers are big-endian:
 *
 *     0   layout version (1)
 *     1   token count (4)
 *     5   expiry, Unix ms by the clock of the store (6)
 *     11  order of the write (6)
 *     17  fence of the scope (6)
 *     23  tier (1), its place among all tiers
 */
const VERSION = 1;
const BYTES = 24;

/** The entry, and the fence that stood when the store was asked. */
export interface PrefixRecord extends StoredPrefix {
  readonly fence: number;
}

/** `null` for a tier that is not known, which is never kept: the store's own answer must say so each time. */
export function encodePrefix(entry: StoredPrefix, fence: number): Uint8Array | null {
  const tier = TtlTier.all.findIndex((each) => each.asStr() === entry.tier);
  if (tier < 0) return null;
  const bytes = Buffer.allocUnsafe(BYTES);
  bytes[0] = VERSION;
  bytes.writeUInt32BE(Math.max(0, entry.count), 1);
  bytes.writeUIntBE(Math.max(0, entry.expiresAt.getTime()), 5, 6);
  bytes.writeUIntBE(entry.order, 11, 6);
  bytes.writeUIntBE(fence, 17, 6);
  bytes[23] = tier;
  return bytes;
}

/** `null` for anything else than what {@link encodePrefix} gave. */
export function decodePrefix(hash: Uint8Array, { bytes, start, end, leftMs }: StandingRecord): PrefixRecord | null {
  if (end - start !== BYTES || bytes[start] !== VERSION) return null;
  const tier = TtlTier.all[bytes[start + 23]!];
  if (tier === undefined) return null;
  return {
    hash,
    count: unsigned32(bytes, start + 1),
    tier: tier.asStr(),
    expiresAt: new Date(unsigned48(bytes, start + 5)),
    leftMs,
    order: unsigned48(bytes, start + 11),
    fence: unsigned48(bytes, start + 17),
  };
}

function unsigned48(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 8) | bytes[at + 1]!) * 2 ** 32 + unsigned32(bytes, at + 2);
}

function unsigned32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
