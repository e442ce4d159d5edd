import { types } from 'node:util';
import { classKind } from '../codec/class-kind.js';
import { describeObject } from '../codec/uncacheable.js';
import { BUILTIN_BYTES, bufferBytes, primitiveBytes, stringBytes, tableBytes } from './isolation-size.js';

/** What the walk over a value offers to the copying of one built-in object. */
export interface Walk {
  bytes: number;
  copyChild(key: PropertyKey, value: unknown): unknown;
  remember(original: object, copy: object): void;
  refuse(what: string): never;
}

/**
 * Copies an object of a built-in class, or of a class derived from one. Told apart by what they are, not by their
 * prototype, so that objects of another realm (a worker's, a sandbox's) are known too.
 *
 * Two views on one buffer become views on two buffers, each as large as its view.
 * @throws CacheError `LARDER_VALUE_UNCACHEABLE` for what has no copy: promises, streams, classes with `#private` members, …
 */
export function copyBuiltin(original: object, prototype: object, walk: Walk): object {
  const kind = classKind(prototype);
  const copy = kind === 'live' ? undefined : bare(original, kind === 'private', walk);
  if (copy === undefined) return walk.refuse(describeObject(original, kind));
  if (Object.getPrototypeOf(copy) !== prototype) Object.setPrototypeOf(copy, prototype);
  walk.remember(original, copy);
  if (types.isMap(original)) copyEntries(original, copy as Map<unknown, unknown>, walk);
  else if (types.isSet(original)) copyMembers(original, copy as Set<unknown>, walk);
  if (!ArrayBuffer.isView(original)) copyOwnProperties(original, copy, walk);
  return copy;
}

/** A new object of the same sort with the same internal state, without own properties and contents. */
function bare(original: object, isPrivate: boolean, walk: Walk): object | undefined {
  // Platform classes whose own implementation has private members, so they are asked for first.
  if (original instanceof URL || original instanceof URLSearchParams) {
    walk.bytes += 2 * (BUILTIN_BYTES + stringBytes(String(original)));
    return original instanceof URL ? new URL(original.href) : new URLSearchParams(original);
  }
  if (isPrivate) return undefined;

  if (types.isArrayBuffer(original) || ArrayBuffer.isView(original)) return copyBytes(original, walk);
  walk.bytes += BUILTIN_BYTES;
  if (types.isDate(original)) return new Date(original.getTime());
  if (types.isMap(original)) return new Map();
  if (types.isSet(original)) return new Set();
  if (types.isRegExp(original)) return new RegExp(original.source, original.flags);
  if (types.isNativeError(original)) return new Error();
  if (types.isBoxedPrimitive(original)) return Object(original.valueOf()) as object;
  return undefined;
}

function copyBytes(original: ArrayBuffer | ArrayBufferView, walk: Walk): object | undefined {
  walk.bytes += bufferBytes(original.byteLength);
  if (types.isArrayBuffer(original)) return original.slice(0);
  if (types.isSharedArrayBuffer(original.buffer)) return undefined;
  const { buffer, byteOffset, byteLength } = original;
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
  if (types.isDataView(original)) return new DataView(bytes);
  if (Buffer.isBuffer(original)) return Buffer.from(bytes);
  const View = TYPED_ARRAYS.get(Object.prototype.toString.call(original).slice(8, -1));
  return View === undefined ? undefined : new View(bytes);
}

const TYPED_ARRAYS = new Map<string, new (bytes: ArrayBufferLike) => object>(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ].map((view) => [view.name, view]),
);

function copyEntries(original: Map<unknown, unknown>, copy: Map<unknown, unknown>, walk: Walk): void {
  walk.bytes += tableBytes(original.size, 2);
  let position = 0;
  for (const [key, value] of Map.prototype.entries.call(original) as Iterable<[unknown, unknown]>) {
    Map.prototype.set.call(copy, walk.copyChild(position, key), walk.copyChild(position, value));
    position += 1;
  }
}

function copyMembers(original: Set<unknown>, copy: Set<unknown>, walk: Walk): void {
  walk.bytes += tableBytes(original.size, 1);
  let position = 0;
  for (const member of Set.prototype.values.call(original) as Iterable<unknown>) {
    Set.prototype.add.call(copy, walk.copyChild(position, member));
    position += 1;
  }
}

/** Also what is not enumerable: an error keeps `message` and `stack` there, a regular expression `lastIndex`. */
function copyOwnProperties(original: object, copy: object, walk: Walk): void {
  for (const key of Reflect.ownKeys(original)) {
    const value = (original as Record<PropertyKey, unknown>)[key];
    const present = Object.getOwnPropertyDescriptor(copy, key);
    if (present?.writable === false) continue; // the characters of a boxed string
    const enumerable = Object.prototype.propertyIsEnumerable.call(original, key);
    const copied = walk.copyChild(key, value);
    walk.bytes += primitiveBytes(copied);
    Object.defineProperty(copy, key, {
      value: copied,
      writable: true,
      enumerable,
      configurable: present?.configurable ?? true,
    });
  }
}
