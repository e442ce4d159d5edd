/** How L1 keeps callers from changing each other's values. */
export type Isolation = 'freeze' | 'clone' | 'share';

/** A value as L1 stores it. */
export interface Snapshot {
  readonly value: unknown;
  /** True: the value may be handed to every caller as it is. False: each caller gets `cloneForCaller(value)`. */
  readonly shared: boolean;
  /** Estimated heap size of the value. */
  readonly bytes: number;
}

/**
 * Copies a loaded value for storage; the loader's own object is never touched.
 * @throws CacheError `LARDER_VALUE_UNCACHEABLE` for values that cannot be copied
 */
export function snapshot(value: unknown, mode: Isolation): Snapshot {
  if (mode === 'share' || value === null || typeof value !== 'object') return { value, shared: true, bytes: 64 };
  return { value: structuredClone(value), shared: false, bytes: 64 };
}

/** A private copy of a stored value whose `shared` is false. */
export function cloneForCaller<T>(value: T): T {
  return structuredClone(value);
}
