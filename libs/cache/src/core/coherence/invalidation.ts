/** A pattern as it travels: its text, and the scope whose local keys it is matched against (`null`: the namespace's full keys). */
export interface PatternTarget {
  readonly pattern: string;
  readonly scope: string | null;
}

/**
 * One invalidation as it stands in the log and as every instance applies it. It can only remove, never carries a value,
 * and applying it is idempotent, commutative and monotone (I11), so repetition and overlap are harmless.
 */
export interface Invalidation {
  /** Unique id of this invalidation (UUID or the caller's request id). */
  readonly id: string;
  /** Full keys (`scope:action:arg`) whose entries die. */
  readonly keys: readonly string[];
  /** Tags whose entries die; a scope clear is the scope's implicit tag. */
  readonly tags: readonly string[];
  readonly patterns: readonly PatternTarget[];
  /** True: every entry of the namespace dies. */
  readonly flush: boolean;
  readonly reason: string;
  /** The instance that asked; for the audit and for tracing, never for deciding. */
  readonly origin: string;
}

/** How many targets an invalidation names. */
export function targetsOf(invalidation: Invalidation): number {
  return invalidation.keys.length + invalidation.tags.length + invalidation.patterns.length;
}

/** True for exactly what an `Invalidation` may look like after a journey as JSON. */
export function isInvalidation(value: unknown): value is Invalidation {
  if (typeof value !== 'object' || value === null) return false;
  const { id, keys, tags, patterns, flush, reason, origin } = value as Partial<Record<keyof Invalidation, unknown>>;
  return (
    typeof id === 'string' &&
    areTexts(keys) &&
    areTexts(tags) &&
    Array.isArray(patterns) &&
    patterns.every(isPatternTarget) &&
    typeof flush === 'boolean' &&
    typeof reason === 'string' &&
    typeof origin === 'string'
  );
}

function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isPatternTarget(value: unknown): value is PatternTarget {
  if (typeof value !== 'object' || value === null) return false;
  const { pattern, scope } = value as Partial<Record<keyof PatternTarget, unknown>>;
  return typeof pattern === 'string' && (scope === null || typeof scope === 'string');
}
