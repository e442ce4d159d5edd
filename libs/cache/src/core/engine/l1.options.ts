import { CacheError, describeInput } from '../errors/cache-error.js';

/** Bounds of L1, this process's memory. Both hold at any time. */
export interface MemoryOptions {
  /** Most entries held. @default 100000 */
  maxEntries?: number;
  /** Most accounted memory: bytes as a number, or text with a unit (`'512kb'`, `'64mb'`, `'1gb'`). @default '64mb' */
  maxBytes?: number | string;
}

/** `MemoryOptions` after validation; `maxBytes` as a number of bytes. */
export interface ResolvedMemoryOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export const MEMORY_DEFAULTS: Readonly<Required<MemoryOptions>> = Object.freeze({
  maxEntries: 100_000,
  maxBytes: '64mb',
});

const UNIT_BYTES: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };
const TEXT = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)$/i;

/**
 * Reads an amount of memory. Units are powers of 1024.
 *
 * @param input whole bytes, or text with a unit
 * @param field the option's name, for the message
 * @throws CacheError `LARDER_OPTION_INVALID` for anything else, and for less than one byte
 */
export function parseBytes(input: number | string, field = 'maxBytes'): number {
  const bytes = typeof input === 'string' ? textToBytes(input) : input;
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`${field}\` to be an amount of memory, got ${describeInput(input)}. Write whole bytes (67108864) or name the unit ('512kb', '64mb', '1gb').`,
    );
  }
  return bytes;
}

/** @throws CacheError `LARDER_OPTION_INVALID` naming the field */
export function resolveMemoryOptions(options: MemoryOptions = {}): ResolvedMemoryOptions {
  const maxEntries = options.maxEntries ?? MEMORY_DEFAULTS.maxEntries;
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`maxEntries\` to be a whole number of at least 1, got ${describeInput(maxEntries)}. Leave it out for ${MEMORY_DEFAULTS.maxEntries}.`,
    );
  }
  return Object.freeze({ maxEntries, maxBytes: parseBytes(options.maxBytes ?? MEMORY_DEFAULTS.maxBytes) });
}

function textToBytes(text: string): number {
  const match = TEXT.exec(text.trim());
  return match === null ? Number.NaN : Math.floor(Number(match[1]) * UNIT_BYTES[match[2]!.toLowerCase()]!);
}
