import { CacheError, describeInput } from '../errors/cache-error.js';

/** A number that grows with every change of what a value shows: a row version, a log sequence number. */
export type SourceVersion = number | bigint;

const PREFIX = '%version:';
const DIGITS = 16;
const BEYOND = 1n << 64n;

/**
 * The first tag of an entry whose source has a version: fixed width, so that text order is the order of versions, for
 * scripts too. Entries without one carry nothing for it and pay nothing.
 *
 * @throws CacheError `LARDER_OPTION_INVALID` for anything but a whole number from 0 up to 64 bits
 */
export function versionTag(version: unknown): string {
  const whole = typeof version === 'bigint' || (typeof version === 'number' && Number.isSafeInteger(version));
  if (whole && version >= 0 && BigInt(version) < BEYOND) {
    return PREFIX + BigInt(version).toString(16).padStart(DIGITS, '0');
  }
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`sourceVersion\` to be a whole number from 0, got ${describeInput(version)}. Give a row version or a sequence number; beyond 2^53 as a bigint.`,
  );
}

export function isVersionTag(tag: string | undefined): boolean {
  return tag?.startsWith(PREFIX) === true;
}

/** True when what is stored is of a newer version of the source than what is to take its place. */
export function outdated(tags: readonly string[], stored: readonly string[] | undefined): boolean {
  const [version] = tags;
  if (stored === undefined || !isVersionTag(version)) return false;
  const [standing] = stored;
  return isVersionTag(standing) && standing! > version!;
}
