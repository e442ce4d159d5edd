import type { CachedManyOptions, CachedOptions, InvalidatesOptions } from './decorator.options.js';

export type DeclarationKind = 'cached' | 'cachedMany' | 'invalidates';

/**
 * What one decorator said about one method. It is static and knows no application: what runs it is found through the
 * instance it is called on.
 */
export interface MethodDeclaration {
  readonly kind: DeclarationKind;
  /** The class that declares the method (not a subclass that inherits it). */
  readonly owner: object;
  readonly property: string | symbol;
  readonly options: CachedOptions | CachedManyOptions | InvalidatesOptions;
  /** The place of this declaration in the compiled table of every class that has it. */
  readonly index: number;
}

/** An event that empties (part of) a cached method. */
export interface InvalidateOnDeclaration {
  readonly event: string | EventClass;
  /** The arguments of the call whose entry dies; absent: all entries of the method die. */
  readonly select: ((payload: never) => readonly unknown[]) | null;
}

/** A class whose instances are events, as `@nestjs/cqrs` has them. */
export type EventClass = abstract new (...args: never[]) => object;

let declared = 0;
const byPrototype = new WeakMap<object, MethodDeclaration[]>();
const eventsByPrototype = new WeakMap<object, Map<string | symbol, InvalidateOnDeclaration[]>>();

/** Records a declaration on the prototype that carries the method. */
export function declareMethod(declaration: Omit<MethodDeclaration, 'index'>): MethodDeclaration {
  const complete = { ...declaration, index: declared };
  declared += 1;
  byPrototype.set(declaration.owner, [...(byPrototype.get(declaration.owner) ?? []), complete]);
  return complete;
}

export function declareInvalidateOn(
  owner: object,
  property: string | symbol,
  declaration: InvalidateOnDeclaration,
): void {
  const events = eventsByPrototype.get(owner) ?? new Map<string | symbol, InvalidateOnDeclaration[]>();
  events.set(property, [...(events.get(property) ?? []), declaration]);
  eventsByPrototype.set(owner, events);
}

/** All declarations a class has, its own before those of its ancestors. */
export function declarationsOf(prototype: object): MethodDeclaration[] {
  return prototypeChain(prototype).flatMap((link) => byPrototype.get(link) ?? []);
}

/** The events declared beside a method, on the class that declares it. */
export function invalidateOnOf(owner: object, property: string | symbol): readonly InvalidateOnDeclaration[] {
  return eventsByPrototype.get(owner)?.get(property) ?? [];
}

/** Methods with `@InvalidateOn`, to find those without `@Cached`. */
export function invalidateOnProperties(prototype: object): { owner: object; property: string | symbol }[] {
  return prototypeChain(prototype).flatMap((owner) =>
    [...(eventsByPrototype.get(owner)?.keys() ?? [])].map((property) => ({ owner, property })),
  );
}

export function hasDeclarations(prototype: object): boolean {
  return prototypeChain(prototype).some((link) => byPrototype.has(link) || eventsByPrototype.has(link));
}

/** `Class.method`, for messages. */
export function nameOf(owner: object, property: string | symbol): string {
  return `${owner.constructor.name}.${String(property)}`;
}

function prototypeChain(prototype: object): object[] {
  const chain: object[] = [];
  for (
    let link: object | null = prototype;
    link !== null && link !== Object.prototype;
    link = Object.getPrototypeOf(link)
  ) {
    chain.push(link);
  }
  return chain;
}
