/**
 * SQL for `hashPartsHex` of the core: every part by its UTF-8 length as an unsigned 64-bit big-endian number, then its bytes.
 * Written out in full where it is used, since a function called per row costs more than the hash.
 */
export function hashSql(...parts: readonly string[]): string {
  const encoded = parts.map(
    (part) => `int8send(octet_length(convert_to(${part}, 'UTF8'))) || convert_to(${part}, 'UTF8')`,
  );
  return `encode(sha256(${encoded.join(' || ')}), 'hex')`;
}
