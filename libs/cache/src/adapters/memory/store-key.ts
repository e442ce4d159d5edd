import { createHash } from 'node:crypto';

const UNSAFE = /[^\x21-\x7e]|%/g;
const LONGEST = 200;

/**
 * The key that a store is given: printable ASCII without spaces, at most 200 characters; longer ones by their SHA-256.
 * Entries hold the key itself, so two keys that met here would only miss.
 */
export function storeKey(key: string): string {
  const safe = key.replace(UNSAFE, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`);
  return safe.length <= LONGEST ? safe : `h:${createHash('sha256').update(safe).digest('hex')}`;
}
