import 'reflect-metadata';
import { CacheError } from '../../core/errors/cache-error.js';
import type { AsyncMethod } from '../decorators/async-method.js';
import type { MethodDeclaration } from '../decorators/method-declarations.js';
import { BINDING, makeBindable, type Bindable } from './runtime-binding.js';

/**
 * Puts a declaration between a method and its callers. The wrapper is a plain function, not an `async` one: on a hit it
 * returns the promise kept on the entry and allocates nothing. Found through `this`, it survives inheritance, `super`,
 * request scope, and other decorators above and below; without an application it just runs the method.
 */
export function wrapMethod(
  owner: object,
  property: string | symbol,
  descriptor: PropertyDescriptor,
  declare: () => MethodDeclaration,
  decorator: string,
): PropertyDescriptor {
  const original = methodOf(owner, property, descriptor, decorator);
  const declaration = declare();
  const { index } = declaration;

  const wrapper = function (this: Bindable | undefined, ...args: unknown[]): unknown {
    const binding = this?.[BINDING];
    if (binding === undefined) return original.apply(this, args);
    const method = binding.methods[index] ?? binding.find(declaration);
    if (method === null) return original.apply(this, args);
    const count = args.length;
    if (count < 2) {
      const hit = count === 1 ? method.hit(args[0]) : method.hitWithoutArguments();
      if (hit !== undefined) return hit;
    }
    return method.invoke(this as object, args, original);
  };

  imitate(wrapper, original);
  makeBindable(owner);
  return { ...descriptor, value: wrapper };
}

function methodOf(
  owner: object,
  property: string | symbol,
  descriptor: PropertyDescriptor | undefined,
  decorator: string,
): (...args: unknown[]) => unknown {
  const place = typeof owner === 'function' ? `static ${owner.name}` : owner.constructor.name;
  if (typeof owner === 'function' || typeof descriptor?.value !== 'function') {
    throw new CacheError(
      'LARDER_DECORATOR_TARGET',
      `Expected @${decorator}() on an instance method, got ${place}.${String(property)}. Move it to a method of the instance; static methods, accessors and fields cannot find their application.`,
    );
  }
  return descriptor.value as (...args: unknown[]) => unknown;
}

/** Guards, pipes, Swagger and the like have left their metadata on the method: the wrapper must show it too. */
export function imitate(wrapper: object, original: AsyncMethod | ((...args: unknown[]) => unknown)): void {
  for (const key of Reflect.getOwnMetadataKeys(original)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, original), wrapper);
  }
  Object.defineProperty(wrapper, 'name', { value: original.name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: original.length, configurable: true });
}
