import type { IndexScope } from './index-scope.js';
import { hashParts } from '../hash/length-prefixed-hash.js';
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
export interface PrefixRecord {
  readonly entry: StoredPrefix;
  readonly fence: number;
}

/** All entries of one scope lie together, under this name. */
export function groupOf({ principalId, virtualModel, tokenizerVersion }: IndexScope): string {
  return hashParts('larder-prefix-group-v1', principalId, virtualModel, tokenizerVersion)
    .subarray(0, 16)
    .toString('base64url');
}

/** `null` for a tier that is not known, which is never kept: the store's own answer must say so each time. */
export function encodePrefix({ entry, fence }: PrefixRecord): Uint8Array | null {
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
export function decodePrefix(hash: Uint8Array, payload: Uint8Array, leftMs: number): PrefixRecord | null {
  if (payload.length !== BYTES || payload[0] !== VERSION) return null;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const tier = TtlTier.all[bytes[23]!];
  if (tier === undefined) return null;
  const entry = {
    hash,
    count: bytes.readUInt32BE(1),
    tier: tier.asStr(),
    expiresAt: new Date(bytes.readUIntBE(5, 6)),
    leftMs,
    order: bytes.readUIntBE(11, 6),
  };
  return { entry, fence: bytes.readUIntBE(17, 6) };
}
