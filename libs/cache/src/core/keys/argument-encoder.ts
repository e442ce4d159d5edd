import { types } from 'node:util';
import { KeyFault, propertyStep } from './key-fault.js';
import { ObjectShapes } from './object-shapes.js';
import { escapeSegment } from './segment.js';

/**
 * The text of one argument inside a key. The text is typed, so two arguments that differ as values never share it:
 *
 * - numbers, bigints, booleans, `null`, `undefined` as in source code: `123`, `-0`, `12n`, `true`;
 * - strings as they are (`abc`), unless they could be taken for another type; those are JSON-quoted (`"123"`);
 * - arrays and plain objects as JSON with sorted names whose leaves are written in this way, strings always quoted;
 * - everything else as `Type(content)`: `Date(0)`, `Map([[1,2]])`, `Set([1])`, `RegExp("/a/g")`, `Uint8Array(AAE=)`,
 *   `Symbol.for("x")`, `ObjectId("…")` by its `toJSON`, `Money({"cents":5})` by its fields.
 *
 * The functions below write `:` and `%` escaped at once (`{"a"%3A1}`), which saves a second pass over the text.
 */
export function encodeArgument(argument: unknown): string {
  return typeof argument === 'string' ? encodeText(argument) : encode(argument, 0);
}

/** How deep arrays, objects, maps and sets may be nested. */
export const MAX_KEY_DEPTH = 64;

const shapes = new ObjectShapes();

/** Types whose content is written without quotes; a class of the application that borrows such a name is told apart. */
const BUILT_IN = new Set(
  (
    'Date Map Set RegExp ArrayBuffer SharedArrayBuffer DataView Buffer Int8Array Uint8Array Uint8ClampedArray Int16Array ' +
    'Uint16Array Int32Array Uint32Array Float16Array Float32Array Float64Array BigInt64Array BigUint64Array'
  ).split(' '),
);
const TYPE_NAME = /^[A-Za-z_$][\w$]*$/;

/** Letters, digits and signs without a meaning in this syntax. */
const PLAIN = /^[\w .,;@/+*=~#!?&|<>^()$-]*$/;
/** `h` alone would look like the mark of a hashed argument list. */
const OTHER_TYPE = /^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|-?\d+n|-?Infinity|NaN|true|false|null|undefined|h)$/;
const OTHER_SYNTAX = /^["[{]|^[A-Za-z_$][\w$.]*\(/;
/** Control characters would break a line of a log; lone surrogates (all that `u` leaves of them) have no UTF-8 form. */
const NEEDS_JSON = /[\p{Control}\p{Surrogate}]/u;
const QUOTED_AS_IS = /^[\x20\x21\x23\x24\x26-\x39\x3b-\x5b\x5d-\x7e]*$/;

function encodeText(text: string): string {
  if (PLAIN.test(text)) return OTHER_TYPE.test(text) || OTHER_SYNTAX.test(text) ? quote(text) : text;
  return OTHER_SYNTAX.test(text) || NEEDS_JSON.test(text) ? quote(text) : escapeSegment(text);
}

/** JSON text; lone surrogates come out as `\udXXX`, so the result is always well-formed. */
function quote(text: string): string {
  return QUOTED_AS_IS.test(text) ? `"${text}"` : escapeSegment(JSON.stringify(text));
}

export function encodeNumber(value: number): string {
  return value === 0 && 1 / value < 0 ? '-0' : `${value}`;
}

function encode(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      return encodeNumber(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'undefined':
      return 'undefined';
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      return encodeSymbol(value);
    case 'function':
      throw new KeyFault(`a function (${value.name || 'anonymous'})`);
    case 'object':
      return value === null ? 'null' : encodeObject(value, depth);
  }
}

function encodeSymbol(value: symbol): string {
  const name = Symbol.keyFor(value);
  if (name === undefined) throw new KeyFault('a symbol that is not registered with `Symbol.for`');
  return `Symbol.for(${quote(name)})`;
}

function encodeObject(value: object, depth: number): string {
  if (depth >= MAX_KEY_DEPTH) throw KeyFault.within(new KeyFault(null, MAX_KEY_DEPTH), value, '');
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) {
    const list = encodeList(value, depth);
    return prototype === Array.prototype || typeName(prototype) === 'Array' ? list : `${typeTag(prototype)}(${list})`;
  }
  if ((prototype === Object.prototype || prototype === null) && !hasToJson(value)) return encodeFields(value, depth);
  return encodeInstance(value, prototype, depth);
}

function encodeList(list: readonly unknown[], depth: number): string {
  let text = '[';
  let i = 0;
  try {
    // By index, so that holes are read as `undefined`, as the method would read them.
    for (; i < list.length; i++) text += i === 0 ? encode(list[i], depth + 1) : `,${encode(list[i], depth + 1)}`;
  } catch (error) {
    throw KeyFault.within(error, list, `[${i}]`);
  }
  return `${text}]`;
}

function encodeFields(object: object, depth: number): string {
  if (Object.getOwnPropertySymbols(object).length > 0) refuseSymbolFields(object);
  const names = Object.keys(object);
  if (names.length === 0) return '{}';
  const { sorted, openings } = shapes.of(names);
  const fields = object as Record<string, unknown>;
  let text = '';
  let i = 0;
  try {
    for (; i < sorted.length; i++) text += openings[i] + encode(fields[sorted[i]], depth + 1);
  } catch (error) {
    throw KeyFault.within(error, object, propertyStep(sorted[i]));
  }
  return `${text}}`;
}

function refuseSymbolFields(object: object): void {
  const symbol = Object.getOwnPropertySymbols(object).find((name) =>
    Object.prototype.propertyIsEnumerable.call(object, name),
  );
  if (symbol !== undefined) throw new KeyFault(`an object with a symbol-named field (${String(symbol)})`);
}

function encodeInstance(value: object, prototype: unknown, depth: number): string {
  const builtIn = encodeBuiltIn(value, depth);
  if (builtIn !== null) return `${typeTag(prototype, builtIn.type)}(${builtIn.content}${extraFields(value, depth)})`;
  if (hasToJson(value)) return `${typeTag(prototype)}(${encodeJsonForm(value, depth)})`;
  if (isForeignObjectPrototype(prototype)) return encodeFields(value, depth);
  if (types.isPromise(value)) throw new KeyFault('a promise (await it before the call)');
  if (types.isNativeError(value)) throw new KeyFault(`an error (${typeName(prototype)})`);
  const fields = encodeFields(value, depth);
  if (fields === '{}')
    throw new KeyFault(`an instance of ${typeName(prototype) || 'an unnamed class'} without enumerable fields`);
  return `${typeTag(prototype)}(${fields})`;
}

/** What identifies a value of a built-in type, or `null` for any other object. Maps and sets are read without their order. */
function encodeBuiltIn(value: object, depth: number): { type: string; content: string } | null {
  if (types.isDate(value)) return { type: 'Date', content: `${value.getTime()}` };
  if (types.isMap(value))
    return {
      type: 'Map',
      content: `[${encodeItems(value, [...value], depth)
        .sort()
        .join(',')}]`,
    };
  if (types.isSet(value))
    return {
      type: 'Set',
      content: `[${encodeItems(value, [...value], depth)
        .sort()
        .join(',')}]`,
    };
  if (types.isRegExp(value)) return { type: 'RegExp', content: quote(`/${value.source}/${value.flags}`) };
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { type: Buffer.isBuffer(value) ? 'Buffer' : viewType(value), content: bytes.toString('base64') };
  }
  if (types.isArrayBuffer(value)) return { type: 'ArrayBuffer', content: Buffer.from(value).toString('base64') };
  if (types.isSharedArrayBuffer(value))
    return { type: 'SharedArrayBuffer', content: Buffer.from(value).toString('base64') };
  return null;
}

function viewType(view: ArrayBufferView): string {
  return Object.prototype.toString.call(view).slice('[object '.length, -1);
}

function encodeItems(container: object, items: readonly unknown[], depth: number): string[] {
  return items.map((item, i) => {
    try {
      return encode(item, depth + 1);
    } catch (error) {
      throw KeyFault.within(error, container, `<item ${i}>`);
    }
  });
}

/** Fields that a subclass or a caller put on a date, map, set or regular expression; elements are all that byte arrays have. */
function extraFields(value: object, depth: number): string {
  if (ArrayBuffer.isView(value)) return '';
  const fields = encodeFields(value, depth);
  return fields === '{}' ? '' : `,${fields}`;
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

function encodeJsonForm(value: { toJSON(): unknown }, depth: number): string {
  const json = value.toJSON();
  try {
    return encode(json, depth + 1);
  } catch (error) {
    throw KeyFault.within(error, value, '.toJSON()');
  }
}

/** `Object.prototype` of another realm (`vm`, a test runner): its objects are as plain as ours. */
function isForeignObjectPrototype(prototype: unknown): boolean {
  return (
    typeof prototype === 'object' &&
    prototype !== null &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, 'isPrototypeOf')
  );
}

function typeName(prototype: unknown): string {
  const name = (prototype as { constructor?: { name?: unknown } } | null)?.constructor?.name;
  return typeof name === 'string' ? name : '';
}

/** The name before the bracket; quoted where a class borrows a built-in name or has one that a plain string could show. */
function typeTag(prototype: unknown, builtInType: string | null = null): string {
  const name = typeName(prototype);
  return name === builtInType || (TYPE_NAME.test(name) && !BUILT_IN.has(name)) ? name : quote(name);
}
