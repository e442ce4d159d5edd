import { types } from 'node:util';
import { classKind } from './class-kind.js';
import { describeObject, uncacheable } from './uncacheable.js';
import {
  BINARY_CLASSES,
  Dictionary,
  IllFormedText,
  NegativeZero,
  WireBytes,
  WireError,
  type BinaryClass,
} from './wire-extensions.js';

/** Values nested deeper are not encoded: writing and reading recurse. */
const MAX_DEPTH = 500;
/** Objects with more properties are dictionaries rather than records. */
const MAX_RECORD_KEYS = 32;
const LONE_SURROGATE = /\p{Surrogate}/u;
const CURE = 'Return plain data, or keep the value out of the shared tier.';

/**
 * Rebuilds a value from what the codec carries faithfully: plain objects, arrays, `Map`, `Set`, `Date`, buffers and the
 * other built-ins that `structuredClone` knows, with cycles and repeated references. Instances of other classes become
 * plain objects; built-ins of another realm, or of derived classes, become those of this one.
 *
 * @throws CacheError `LARDER_VALUE_UNCACHEABLE` naming the place of what cannot be carried
 */
export function toWireForm(value: unknown): unknown {
  return new WireWriter().convert(value);
}

class WireWriter {
  private readonly path: PropertyKey[] = [];
  private readonly known = new Map<object, object>();

  convert(value: unknown): unknown {
    switch (typeof value) {
      case 'object':
        return value === null ? null : (this.known.get(value) ?? this.convertObject(value));
      case 'string':
        return LONE_SURROGATE.test(value) ? new IllFormedText(value) : value;
      case 'number':
        return Object.is(value, -0) ? new NegativeZero() : value;
      case 'symbol':
      case 'function':
        throw this.refusal(`a ${typeof value}`);
      default:
        return value;
    }
  }

  private convertObject(value: object): unknown {
    if (this.path.length > MAX_DEPTH) throw this.refusal(`a value nested deeper than ${MAX_DEPTH} levels`);
    if (Array.isArray(value)) return this.convertArray(value);
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === Object.prototype || prototype === null) return this.convertProperties(value);
    const kind = classKind(prototype);
    if (kind === 'data') return this.convertProperties(value);
    const converted = kind === 'builtin' ? this.convertBuiltin(value) : undefined;
    if (converted === undefined) throw this.refusal(describeObject(value, kind));
    return converted;
  }

  private convertChild(key: PropertyKey, value: unknown): unknown {
    this.path.push(key);
    const converted = this.convert(value);
    this.path.pop();
    return converted;
  }

  private convertArray(array: readonly unknown[]): unknown[] {
    const converted: unknown[] = [];
    this.known.set(array, converted);
    for (let i = 0; i < array.length; i++) converted.push(this.convertChild(i, array[i]));
    return converted;
  }

  /** Own enumerable properties with text keys; what accessors give counts as the value. */
  private convertProperties(object: object): object {
    const keys = Object.keys(object);
    if (keys.length > MAX_RECORD_KEYS) return this.convertDictionary(object, keys);
    const converted: Record<string, unknown> = {};
    this.known.set(object, converted);
    for (const key of keys) converted[this.checkedKey(key)] = this.convertProperty(object, key);
    return converted;
  }

  private convertDictionary(object: object, keys: readonly string[]): Dictionary {
    const converted = new Dictionary(new Map());
    this.known.set(object, converted);
    for (const key of keys) converted.entries.set(this.checkedKey(key), this.convertProperty(object, key));
    return converted;
  }

  private convertProperty(object: object, key: string): unknown {
    return this.convertChild(key, (object as Record<string, unknown>)[key]);
  }

  private checkedKey(key: string): string {
    if (key === '__proto__') throw this.refusal('an own property named `__proto__`');
    return key;
  }

  private convertBuiltin(value: object): object | undefined {
    if (types.isMap(value)) return this.convertMap(value);
    if (types.isSet(value)) return this.convertSet(value);
    const converted = convertLeaf(value);
    if (converted !== undefined) this.known.set(value, converted);
    else if (types.isNativeError(value)) return this.convertError(value);
    return converted;
  }

  private convertMap(map: Map<unknown, unknown>): Map<unknown, unknown> {
    const converted = new Map<unknown, unknown>();
    this.known.set(map, converted);
    for (const [key, value] of map) {
      const position = converted.size;
      converted.set(this.convertChild(position, key), this.convertChild(position, value));
    }
    return converted;
  }

  private convertSet(set: Set<unknown>): Set<unknown> {
    const converted = new Set<unknown>();
    this.known.set(set, converted);
    for (const member of set) converted.add(this.convertChild(converted.size, member));
    return converted;
  }

  private convertError(error: Error): WireError {
    const converted = new WireError(error.name, error.message, new Map());
    this.known.set(error, converted);
    const keys = new Set(Object.keys(error).filter((key) => key !== 'name' && key !== 'message' && key !== 'stack'));
    if (error.cause !== undefined) keys.add('cause');
    for (const key of keys) converted.properties.set(this.checkedKey(key), this.convertProperty(error, key));
    return converted;
  }

  private refusal(what: string): Error {
    return uncacheable(what, this.path, CURE);
  }
}

/** Built-ins that contain no other value, as objects of this realm and no derived class. */
function convertLeaf(value: object): object | undefined {
  if (types.isDate(value)) return new Date(value.getTime());
  if (types.isRegExp(value)) return new RegExp(value.source, value.flags);
  if (types.isArrayBuffer(value)) return new WireBytes(ArrayBuffer, new Uint8Array(value));
  if (!ArrayBuffer.isView(value) || types.isSharedArrayBuffer(value.buffer)) return undefined;
  if (Buffer.isBuffer(value)) return value;
  const type = BINARY_BY_NAME.get(Object.prototype.toString.call(value).slice(8, -1));
  return type && new WireBytes(type, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
}

const BINARY_BY_NAME = new Map<string, BinaryClass>(BINARY_CLASSES.map((type) => [type.name, type]));
