import { types } from 'node:util';
import { classKind } from './class-kind.js';
import { describeObject, uncacheable } from './uncacheable.js';
import {
  BINARY_CLASSES,
  IllFormedText,
  NegativeZero,
  ROW,
  WireBytes,
  WireError,
  WireMap,
  type BinaryClass,
} from './wire-extensions.js';

/** Values nested deeper are not encoded: writing and reading recurse. */
const MAX_DEPTH = 500;
/** Longer arrays are not encoded: a sparse array can claim 4 billion slots. */
const MAX_ARRAY_LENGTH = 2 ** 24;
/** What is in lists of this length is worth writing as records. */
const MANY = 4;
/** Objects with more properties are dictionaries, whose keys do not come again. */
const MAX_RECORD_KEYS = 32;
const CURE = 'Return plain data, or keep the value out of the shared tier.';

export interface WireForm {
  readonly value: unknown;
  /** `tree`: no object is met twice, and maps are `WireMap`s. `graph`: there are references, and maps are maps. */
  readonly shape: 'tree' | 'graph';
}

/**
 * Rebuilds a value from what the codec carries faithfully: plain objects, arrays, `Map`, `Set`, `Date`, buffers and the
 * other built-ins that `structuredClone` knows, with cycles and repeated references. Instances of other classes become
 * plain objects; built-ins of another realm, or of derived classes, become those of this one.
 *
 * @throws CacheError `LARDER_VALUE_UNCACHEABLE` naming the place of what cannot be carried
 */
export function toWireForm(value: unknown): WireForm {
  const tree = new WireWriter('tree');
  const form = tree.convert(value);
  if (!tree.repeats) return { value: form, shape: 'tree' };
  return { value: new WireWriter('graph').convert(value), shape: 'graph' };
}

class WireWriter {
  /** True once an object was met again. */
  repeats = false;
  private readonly path: PropertyKey[] = [];
  private readonly known = new Map<object, object>();
  /** How many long lists the value at hand is in. */
  private lists = 0;

  constructor(private readonly shape: WireForm['shape']) {}

  convert(value: unknown): unknown {
    switch (typeof value) {
      case 'object':
        return value === null ? null : (this.recall(value) ?? this.convertObject(value));
      case 'string':
        return isWellFormed(value) ? value : new IllFormedText(value);
      case 'number':
        return value === 0 && Object.is(value, -0) ? new NegativeZero() : value;
      case 'symbol':
      case 'function':
        throw this.refusal(`a ${typeof value}`);
      default:
        return value;
    }
  }

  private recall(value: object): object | undefined {
    const known = this.known.get(value);
    if (known !== undefined) this.repeats = true;
    return known;
  }

  private convertObject(value: object): object {
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
    if (array.length > MAX_ARRAY_LENGTH) throw this.refusal(`an array of ${array.length} elements`);
    const converted: unknown[] = [];
    this.known.set(array, converted);
    const isLong = array.length >= MANY;
    if (isLong) this.lists += 1;
    for (let i = 0; i < array.length; i++) converted.push(this.convertChild(i, array[i]));
    if (isLong) this.lists -= 1;
    return converted;
  }

  /** Own enumerable properties with text keys; what accessors give counts as the value. */
  private convertProperties(object: object): object {
    const keys = Object.keys(object);
    const isRow = this.lists > 0 && keys.length <= MAX_RECORD_KEYS;
    const converted: Record<string, unknown> = isRow ? { __proto__: ROW, ...object } : { ...object };
    this.known.set(object, converted);
    for (const key of keys) {
      if (key === '__proto__') throw this.refusal('an own property named `__proto__`');
      const value = converted[key];
      const wire = this.convertChild(key, value);
      if (wire !== value) converted[key] = wire;
    }
    return converted;
  }

  private convertBuiltin(value: object): object | undefined {
    if (types.isMap(value)) return this.convertMap(value);
    if (types.isSet(value)) return this.convertSet(value);
    const converted = convertLeaf(value);
    if (converted !== undefined) this.known.set(value, converted);
    else if (types.isNativeError(value)) return this.convertError(value);
    return converted;
  }

  private convertMap(map: Map<unknown, unknown>): object {
    const keysAndValues: unknown[] = [];
    const converted = this.shape === 'tree' ? new WireMap(keysAndValues) : new Map<unknown, unknown>();
    this.known.set(map, converted);
    for (const [key, value] of map) {
      const position = keysAndValues.length / 2;
      keysAndValues.push(this.convertChild(position, key), this.convertChild(position, value));
      if (converted instanceof Map) converted.set(...(keysAndValues.slice(-2) as [unknown, unknown]));
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
    const converted = new WireError(error.name, error.message);
    this.known.set(error, converted);
    const { name: _name, message: _message, stack: _stack, ...properties } = error;
    if (error.cause !== undefined) properties.cause = error.cause;
    converted.properties = this.convertProperties(properties);
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

/** In Node since 20, in TypeScript's library since ES2024. */
function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
