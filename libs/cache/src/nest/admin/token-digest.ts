import { createHash, timingSafeEqual } from 'node:crypto';

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * Compares `Authorization: Bearer <token>` with the digest of the expected token. Digests have one length, so the time it
 * takes tells neither the token nor its length.
 */
export function bearerMatches(authorization: string | undefined, expected: Buffer): boolean {
  const token = /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(sha256(token), expected);
}
