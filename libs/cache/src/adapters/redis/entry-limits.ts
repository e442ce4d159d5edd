/** A permit lives at most this long, ms, whatever is asked: a pattern's predicate has to outlive every permit. */
export const MAX_PERMIT_MS = 60_000;
/** Nothing is kept longer than this, ms. */
export const MAX_KEEP_MS = 30 * 86_400_000;
