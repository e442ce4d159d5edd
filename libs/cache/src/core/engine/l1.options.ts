import { parseBytes } from '../codec/byte-size.js';
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

/** @throws CacheError `LARDER_OPTION_INVALID` naming the field */
export function resolveMemoryOptions(options: MemoryOptions = {}): ResolvedMemoryOptions {
  const maxEntries = options.maxEntries ?? MEMORY_DEFAULTS.maxEntries;
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`maxEntries\` to be a whole number of at least 1, got ${describeInput(maxEntries)}. Leave it out for ${MEMORY_DEFAULTS.maxEntries}.`,
    );
  }
  return Object.freeze({ maxEntries, maxBytes: parseBytes(options.maxBytes ?? MEMORY_DEFAULTS.maxBytes, 'maxBytes') });
}
