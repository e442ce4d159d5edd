/**
 * What instances of a class are to a cache:
 * - `data`: own properties say it all; a copy with the same prototype is as good as the original;
 * - `builtin`: a class of the language or the platform, or derived from one, whose state sits in internal slots;
 * - `private`: the class has `#private` members, which cannot be read from outside;
 * - `live`: a promise, stream, emitter or iterator, which stands for something going on.
 */
export type ClassKind = 'data' | 'builtin' | 'private' | 'live';

const kinds = new WeakMap<object, ClassKind>();

/** The kind of the objects that have this prototype; found out once per prototype. */
export function classKind(prototype: object): ClassKind {
  let kind = kinds.get(prototype);
  if (kind === undefined) {
    kind = isLive(prototype) ? 'live' : kindBySource(prototype);
    kinds.set(prototype, kind);
  }
  return kind;
}

function isLive(prototype: object): boolean {
  const has = (name: PropertyKey): boolean => typeof methodOf(prototype, name) === 'function';
  return (
    has('then') || // promises and other thenables
    (has('on') && has('emit')) || // emitters, streams, sockets
    has('getReader') || // web streams
    (has('next') && (has(Symbol.iterator) || has(Symbol.asyncIterator))) // iterators, generators
  );
}

/** A method found along the prototype chain; accessors are not run. */
function methodOf(prototype: object, name: PropertyKey): unknown {
  for (let level: object | null = prototype; level !== null; level = parentOf(level)) {
    const property = Object.getOwnPropertyDescriptor(level, name);
    if (property !== undefined) return property.value as unknown;
  }
  return undefined;
}

/** Looks at every class of the chain but its root, which is `Object` of this or another realm. */
function kindBySource(prototype: object): ClassKind {
  let kind: ClassKind = 'data';
  let level = prototype;
  for (let parent = parentOf(level); parent !== null; parent = parentOf(parent)) {
    const constructor = Object.getOwnPropertyDescriptor(level, 'constructor')?.value as unknown;
    if (typeof constructor === 'function') {
      const source = Function.prototype.toString.call(constructor);
      if (NATIVE.test(source)) kind = 'builtin';
      else if (hasPrivateMembers(source)) return 'private';
    }
    level = parent;
  }
  return kind;
}

function parentOf(level: object): object | null {
  return Object.getPrototypeOf(level) as object | null;
}

const NATIVE = /\{\s*\[native code\]\s*\}$/;
/** The calls that compilers put in for `#private` members where the target has none. */
const COMPILED_PRIVATE = /class_?private(?:method|field|static)/i;
const USED_PRIVATE = /\.\s*#([\p{ID_Start}$_][\p{ID_Continue}$]*)/gu;

/**
 * Judges a class by its source text, for there is no other way to learn of `#private` members. A member that nothing
 * reads is no loss in a copy, so a name counts if the text both declares (`#name`) and uses it (`.#name`).
 */
function hasPrivateMembers(source: string): boolean {
  if (COMPILED_PRIVATE.test(source)) return true;
  for (const [, name] of source.matchAll(USED_PRIVATE)) {
    const declaration = new RegExp(`(?<!\\.\\s*)#${name!.replaceAll('$', '\\$')}(?![\\p{ID_Continue}$])`, 'u');
    if (declaration.test(source)) return true;
  }
  return false;
}
