/**
 * SQL for `hashPartsHex` of the core: every part by its UTF-8 length as an unsigned 64-bit big-endian number, then its bytes.
 * Whatever character set a part comes in, its UTF-8 form is hashed.
 */
export function hashSql(...parts: readonly string[]): string {
  const encoded = parts.map((part) => {
    const utf8 = `CONVERT(${part} USING utf8mb4)`;
    return `UNHEX(LPAD(HEX(LENGTH(${utf8})), 16, '0')), CAST(${utf8} AS BINARY)`;
  });
  return `SHA2(CONCAT(${encoded.join(', ')}), 256)`;
}
