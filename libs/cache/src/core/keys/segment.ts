const RESERVED = /[%:]/;

/**
 * Makes text safe as one segment of a key: `%` becomes `%25` and `:` becomes `%3A`, every other character stays as it is
 * (REQ-004-06). Keys are compared in this form and never decoded.
 */
export function escapeSegment(text: string): string {
  return RESERVED.test(text) ? text.replaceAll('%', '%25').replaceAll(':', '%3A') : text;
}

/** Joins segments to a key, `tenant%3A7:users:42`. Different non-empty lists of segments never give the same key. */
export function joinSegments(segments: readonly string[]): string {
  return segments.map(escapeSegment).join(':');
}
