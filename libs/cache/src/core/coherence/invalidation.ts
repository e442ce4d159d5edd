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
