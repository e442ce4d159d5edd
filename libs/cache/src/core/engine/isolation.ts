import { CacheError } from '../errors/cache-error.js';
import { Adoption } from './isolation-adoption.js';
import { ValueCopier } from './isolation-copier.js';
import { estimateBytes } from './isolation-estimate.js';

/**
 * How L1 keeps callers from changing each other's values:
 * - `freeze`: a deeply frozen copy is stored and handed to every caller; values that cannot be frozen as a whole (they
 *   hold a `Date`, a `Map`, a buffer, …) are copied per hit;
 * - `clone`: a copy is stored, and every hit gets its own copy of that;
 * - `share`: the very object is stored and handed out. Whoever changes it changes it for all.
 */
export type Isolation = 'freeze' | 'clone' | 'share';

/** A value as L1 stores it. */
export interface Snapshot {
  readonly value: unknown;
  /** True: the value may be handed to every caller as it is. False: each caller gets `cloneForCaller(value)`. */
  readonly shared: boolean;
  /** True: it holds instances of classes, which a shared tier gives back as plain objects. */
  readonly classes: boolean;
  /** Estimated heap size of the value, see `isolation-size.ts`. */
  readonly bytes: number;
}

/**
 * Makes of a loaded value what L1 stores, in one walk that copies, freezes and sizes it. The loaded object itself stays
 * as it is, and later changes to it do not reach the cache.
 *
 * @throws CacheError `LARDER_VALUE_UNCACHEABLE` naming the place, for what cannot be copied: functions, promises, streams,
 * emitters, iterators, weak collections, classes with `#private` members, nesting beyond 500 levels. Never with `share`.
 */
export function snapshot(value: unknown, mode: Isolation): Snapshot {
  if (mode === 'share') return { value, shared: true, classes: false, bytes: estimateBytes(value) };
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  const copier = new ValueCopier({ freeze: mode === 'freeze', measure: true });
  const copy = guarded(copier, value);
  const shared = !isObject || (mode === 'freeze' && !copier.mutable);
  return { value: copy, shared, classes: copier.classes, bytes: copier.bytes };
}

/** As `snapshot`, of a value that nobody else holds: a shared tier's codec has just made it. */
export function snapshotOfOwn(value: unknown, mode: Isolation): Snapshot {
  if (mode !== 'freeze') return snapshot(value, mode);
  const adoption = new Adoption();
  if (!adoption.adopt(value)) return snapshot(value, mode);
  return { value, shared: true, classes: false, bytes: adoption.bytes };
}

/** A private copy of a stored value whose `shared` is false: the same classes, cycles and repeated references, not frozen. */
export function cloneForCaller<T>(value: T): T {
  return new ValueCopier({ freeze: false, measure: false }).copy(value) as T;
}

/** The value's own code runs during the walk (accessors, proxies), and may throw anything. */
function guarded(copier: ValueCopier, value: unknown): unknown {
  try {
    return copier.copy(value);
  } catch (error) {
    if (error instanceof CacheError) throw error;
    return copier.refuse('a value that throws when it is read', error);
  }
}
