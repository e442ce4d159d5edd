import { describeInput } from '../errors/cache-error.js';
import { assertHash, type PrefixHash, type StoredPrefix } from './prefix-entry.js';
import { invalidData } from './prefix-errors.js';

/** Each hash once, in the order given. @throws CacheError `LARDER_PREFIX_INVALID` */
export function distinct(hashes: readonly PrefixHash[]): PrefixHash[] {
  if (!Array.isArray(hashes)) throw invalidData(`expected a list of hashes, got ${describeInput(hashes)}`);
  const heads = new Set<number>();
  for (const hash of hashes) {
    assertHash(hash);
    heads.add(hash[0]! | (hash[1]! << 8) | (hash[2]! << 16) | (hash[3]! << 24));
  }
  // Two that begin otherwise are two: as a rule the first bytes tell, which costs a tenth of comparing all.
  if (heads.size === hashes.length) return [...hashes];
  return [...new Map(hashes.map((hash) => [keyOf(hash), hash])).values()];
}

/** The entry of the first of the hashes that has one. */
export function firstOf(hashes: readonly PrefixHash[], entries: readonly StoredPrefix[]): StoredPrefix | undefined {
  const byHash = new Map(entries.map((entry) => [keyOf(entry.hash), entry]));
  return hashes.map((hash) => byHash.get(keyOf(hash))).find((entry) => entry !== undefined);
}

function keyOf(hash: PrefixHash): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1');
}
