import { CacheError, describeInput } from '../errors/cache-error.js';

const UNIT_BYTES: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };
const TEXT = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)$/i;

/**
 * Reads an amount of memory. Units are powers of 1024.
 *
 * @param input whole bytes, or text with a unit (`'512kb'`, `'64mb'`, `'1gb'`)
 * @param field the option's name, for the message
 * @throws CacheError `LARDER_OPTION_INVALID` for anything else, and for less than one byte
 */
export function parseBytes(input: number | string, field: string): number {
  const bytes = typeof input === 'string' ? textToBytes(input) : input;
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`${field}\` to be an amount of memory, got ${describeInput(input)}. Write whole bytes (67108864) or name the unit ('512kb', '64mb', '1gb').`,
    );
  }
  return bytes;
}

function textToBytes(text: string): number {
  const match = TEXT.exec(text.trim());
  return match === null ? Number.NaN : Math.floor(Number(match[1]) * UNIT_BYTES[match[2]!.toLowerCase()]!);
}
