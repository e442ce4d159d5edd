// With the `u` flag a surrogate pair is one code point, so this class meets lone surrogates only.
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * False for text with half of a surrogate pair. Such text has no UTF-8 form: writing it replaces the half by U+FFFD, and
 * two different keys or tags would become one in a hash, in Redis or in a database.
 */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}
