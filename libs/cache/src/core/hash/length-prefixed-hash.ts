import { createHash, type Hash } from 'node:crypto';

const LENGTH_BYTES = 8;
/** Used within one call only. */
const scratch = Buffer.allocUnsafe(8 * 1024);

/**
 * SHA-256 over a domain and its parts, each written as its UTF-8 byte length (unsigned 64-bit big-endian) and then its
 * bytes. Because every length stands before its part, no two different lists of parts feed the hash the same bytes,
 * whatever separators the parts contain (REQ-004-03, REQ-004-04).
 *
 * Parts must be well-formed text: a lone surrogate has no UTF-8 form and would be read as U+FFFD.
 */
export function hashParts(domain: string, ...parts: readonly string[]): Buffer {
  return hashOf(domain, parts).digest();
}

/** Everything goes into one buffer first: a hash is called from outside V8, and a call costs more than a copy. */
function hashOf(domain: string, parts: readonly string[]): Hash {
  // A UTF-16 unit takes three bytes of UTF-8 at most.
  let room = LENGTH_BYTES + 3 * domain.length;
  for (const part of parts) room += LENGTH_BYTES + 3 * part.length;
  const bytes = room <= scratch.length ? scratch : Buffer.allocUnsafe(room);
  let end = writePart(bytes, 0, domain);
  for (const part of parts) end = writePart(bytes, end, part);
  return createHash('sha256').update(bytes.subarray(0, end));
}

function writePart(bytes: Buffer, at: number, part: string): number {
  const length = bytes.write(part, at + LENGTH_BYTES, 'utf8');
  bytes.writeUInt32BE(0, at); // no part is as long as 4 GiB
  bytes.writeUInt32BE(length, at + LENGTH_BYTES / 2);
  return at + LENGTH_BYTES + length;
}

/** {@link hashParts} as 64 lower-case hexadecimal digits. */
export function hashPartsHex(domain: string, ...parts: readonly string[]): string {
  return hashOf(domain, parts).digest('hex');
}
