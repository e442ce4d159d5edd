import { CacheError, describeInput } from '../errors/cache-error.js';

/** A length of time: a bare number is **seconds** (`60`), text names its unit (`'250ms'`, `'30s'`, `'5m'`, `'1h'`, `'7d'`). */
export type Duration = number | string;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TEXT = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/;

/** Above this a bare number was probably meant as milliseconds: 30 days in seconds. */
export const SUSPICIOUS_SECONDS = 30 * 86_400;

/**
 * Reads a duration as milliseconds.
 *
 * @param input seconds as a number, or text with a unit (text without a unit is seconds, as a number is)
 * @param field the option's name, for the message
 * @throws CacheError `LARDER_DURATION_INVALID` for anything negative, not finite, or in another form
 */
export function durationToMs(input: Duration, field = 'ttl'): number {
  const ms = typeof input === 'number' ? input * 1000 : typeof input === 'string' ? textToMs(input) : Number.NaN;
  if (!Number.isFinite(ms) || ms < 0) {
    throw new CacheError(
      'LARDER_DURATION_INVALID',
      `Expected \`${field}\` to be a duration, got ${describeInput(input)}. Write seconds as a number (60) or name the unit ('250ms', '30s', '5m', '1h', '7d').`,
    );
  }
  return ms;
}

/** True when a bare number is so large that its author probably thought of milliseconds. */
export function looksLikeMilliseconds(input: Duration): boolean {
  return typeof input === 'number' && input > SUSPICIOUS_SECONDS;
}

function textToMs(text: string): number {
  const match = TEXT.exec(text.trim());
  return match === null ? Number.NaN : Number(match[1]) * UNIT_MS[match[2] ?? 's']!;
}
