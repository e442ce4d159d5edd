import { CacheError } from '../../core/errors/cache-error.js';
import { wrapMethod } from '../interception/wrap-method.js';
import type { MethodDecoratorOf } from './cached.decorator.js';
import type { InvalidatesOptions } from './decorator.options.js';
import type { AsyncMethod } from './async-method.js';
import { declareInvalidateOn, declareMethod, type EventClass } from './method-declarations.js';

/**
 * Invalidates after a method has succeeded; a method that throws invalidates nothing. When the call resolves, this
 * instance no longer serves the old values (G5). If the invalidation cannot be carried out now, the method's result is
 * returned all the same, the failure is announced, and it is repeated until it succeeds (G6, G7).
 *
 * Name the method's type for typed callbacks: `@Invalidates<UserService['rename']>({ entities: (user) => [['user', user.id]] })`.
 *
 * @throws CacheError `LARDER_DECORATOR_TARGET` on anything but an instance method
 */
export function Invalidates<M extends AsyncMethod = AsyncMethod>(options: InvalidatesOptions<M>): MethodDecoratorOf<M> {
  return (target, property, descriptor) =>
    wrapMethod(
      target,
      property,
      descriptor,
      () => declareMethod({ kind: 'invalidates', owner: target, property, options: options as InvalidatesOptions }),
      'Invalidates',
    );
}

/** What may stand for a `T` where it is only read: lists in it may be read-only, as those of a constant are. */
type ReadOnly<T> = T extends readonly (infer Item)[]
  ? readonly ReadOnly<Item>[]
  : T extends object
    ? { readonly [Field in keyof T]: ReadOnly<T[Field]> }
    : T;

/** The first of these arguments, or all. */
type FirstOf<P extends readonly unknown[]> = { readonly [Place in keyof P]?: ReadOnly<P[Place]> };

/** A decorator for methods whose first parameters take `A`. */
export type DecoratorForArguments<A extends readonly unknown[]> = <T extends AsyncMethod>(
  target: object,
  property: string | symbol,
  descriptor: A extends FirstOf<Parameters<T>> ? TypedPropertyDescriptor<T> : never,
) => void;

/**
 * Empties a cached method when an event is published, through `@nestjs/event-emitter`, `@nestjs/cqrs` or
 * `CacheEvents.publish`. Without `select` all entries of the method die; with it, the entry of the call with the
 * arguments it returns. Stands beside `@Cached`.
 *
 * @param event the event's name, or its class
 * @param select the arguments of the call whose entry dies, from the event's payload; of a bulk method each id's, `[[1, 2]]`
 */
export function InvalidateOn<Payload = any, const A extends readonly unknown[] = readonly []>(
  event: string | EventClass,
  select?: (payload: Payload) => A,
): DecoratorForArguments<A> {
  return (target, property) => {
    if (typeof target === 'function') {
      throw new CacheError(
        'LARDER_DECORATOR_TARGET',
        `Expected @InvalidateOn() on an instance method, got static ${target.name}.${String(property)}. Move it beside @Cached().`,
      );
    }
    declareInvalidateOn(target, property, { event, select: select ?? null });
  };
}
