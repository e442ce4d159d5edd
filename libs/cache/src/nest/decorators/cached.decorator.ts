import type { Duration } from '../../core/clock/duration.js';
import { wrapMethod } from '../interception/wrap-method.js';
import type { CachedManyOptions, CachedOptions } from './decorator.options.js';
import type { AsyncMethod } from './async-method.js';
import { declareMethod } from './method-declarations.js';

/** A decorator for methods of type `M`; on any other method, or one that returns no promise, it is a compile error. */
export type MethodDecoratorOf<M extends AsyncMethod> = <T extends M>(
  target: object,
  property: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => TypedPropertyDescriptor<T>;

/**
 * Caches the results of a method, on every instance of the application.
 *
 * @param options how long a value is fresh (seconds, or text with a unit), or all options. Name the method's type for
 *   typed callbacks: `@Cached<UserService['search']>({ tags: (rows, q) => … })`
 * @throws CacheError `LARDER_DECORATOR_TARGET` on anything but an instance method; bad options are reported at boot
 *
 * `null`, `undefined` and other empty results are cached like any other; errors never are. Serves REQ-002-21 to 24, G1, G6.
 */
export function Cached<M extends AsyncMethod = AsyncMethod>(
  options: Duration | CachedOptions<M> = {},
): MethodDecoratorOf<M> {
  const given = typeof options === 'object' ? options : { ttl: options };
  return (target, property, descriptor) =>
    wrapMethod(
      target,
      property,
      descriptor,
      () => declareMethod({ kind: 'cached', owner: target, property, options: given as CachedOptions }),
      'Cached',
    );
}

/** A method that takes a list of ids and returns the items it finds. */
export type ManyMethod = (ids: any[], ...rest: any[]) => Promise<any[]>;

/**
 * Caches a method that loads many items by id: each item is an entry of its own, and only the ids that are missing reach
 * the method. The result lists the items in the order of the ids, one for each distinct id, without those that do not
 * exist; that an id has no item is cached too.
 *
 * @throws CacheError `LARDER_DECORATOR_TARGET` on anything but an instance method
 */
export function CachedMany<M extends ManyMethod = ManyMethod>(options: CachedManyOptions<M>): MethodDecoratorOf<M> {
  return (target, property, descriptor) =>
    wrapMethod(
      target,
      property,
      descriptor,
      () =>
        declareMethod({
          kind: 'cachedMany',
          owner: target,
          property,
          options: options as unknown as CachedManyOptions,
        }),
      'CachedMany',
    );
}
