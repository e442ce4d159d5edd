/** How an entity of the database appears in the cache. */
export interface CacheEntityOptions {
  /** Its kind, as in `entityTag('product', 42)`. */
  readonly name: string;
  /** Collections that show it, as in `collectionTag('products')`. @default [] */
  readonly collections?: readonly string[];
}

const DESCRIPTION = Symbol.for('larder.cache-entity');

/**
 * Marks a TypeORM entity whose changes invalidate: every insert, update and removal of one records its entity tag and its
 * collections in the transaction of the change. Subclasses inherit it.
 *
 * ```ts
 * @Entity() @CacheEntity({ name: 'product', collections: ['products'] })
 * class Product { … }
 * ```
 *
 * Raw SQL and other services pass TypeORM by: for their writes see `installInvalidationTrigger`.
 */
export function CacheEntity(options: CacheEntityOptions): ClassDecorator {
  return (target) => {
    Object.defineProperty(target, DESCRIPTION, { value: Object.freeze({ collections: [], ...options }) });
  };
}

/** What `@CacheEntity` says of an entity class, or of one it inherits from. */
export function cacheEntityOf(target: unknown): Required<CacheEntityOptions> | null {
  if (typeof target !== 'function') return null;
  return (target as unknown as Record<symbol, Required<CacheEntityOptions> | undefined>)[DESCRIPTION] ?? null;
}
