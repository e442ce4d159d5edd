import { createHash } from 'node:crypto';

/**
 * SHA-256 over a domain and its parts, each written as its UTF-8 byte length (unsigned 64-bit big-endian) and then its
 * bytes. Because every length stands before its part, no two different lists of parts feed the hash the same bytes,
 * whatever separators the parts contain (REQ-004-03, REQ-004-04).
 *
 * Parts must be well-formed text: a lone surrogate has no UTF-8 form and would be read as U+FFFD.
 */
export function hashParts(domain: string, ...parts: readonly string[]): Buffer {
  const hash = createHash('sha256');
  for (const part of [domain, ...parts]) {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.allocUnsafe(8);
    length.writeBigUInt64BE(BigInt(bytes.length));
    hash.update(length).update(bytes);
  }
  return hash.digest();
}

/** {@link hashParts} as 64 lower-case hexadecimal digits. */
export function hashPartsHex(domain: string, ...parts: readonly string[]): string {
  return hashParts(domain, ...parts).toString('hex');
}
