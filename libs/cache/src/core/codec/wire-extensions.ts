/**
 * What MessagePack, as msgpackr speaks it, cannot say or says unfaithfully, each as a class of its own: the wire form of
 * a value holds these instead, and decoding gives back what they stand for.
 */

/** `-0`, which would arrive as `0`. */
export class NegativeZero {}

/** Text with a lone surrogate, which UTF-8 cannot carry. */
export class IllFormedText {
  constructor(readonly text: string) {}
}

/** A `Map` where there are no references; MessagePack's own maps are the objects there. */
export class WireMap {
  constructor(readonly keysAndValues: readonly unknown[]) {}
}

/** An error: name, message and properties. Its stack stays at home. */
export class WireError {
  properties: object = {};

  constructor(
    readonly name: string,
    readonly message: string,
  ) {}
}

/**
 * The prototype of an object that is one of many in a list. Such an object is written as a record: its keys once, then
 * values only. To msgpackr it is a plain object like others, for it looks at `constructor`.
 */
export const ROW: object = Object.create(Object.prototype, { constructor: { value: Object } }) as object;

/** An `ArrayBuffer`, or a view of one: its class and its bytes. A `Buffer` needs none of this. */
export class WireBytes {
  constructor(
    readonly type: BinaryClass,
    readonly bytes: Uint8Array,
  ) {}
}

/** Their places are part of the format: append only. */
export const BINARY_CLASSES = [
  ArrayBuffer,
  DataView,
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
] as const;

export type BinaryClass = (typeof BINARY_CLASSES)[number];

export interface WireExtension {
  readonly Class: new (...args: never[]) => object;
  readonly type: number;
  /** What is written instead. */
  write(instance: never): unknown;
  /** Given what was read, which may be anything: throws unless it is what `write` writes. */
  read(data: unknown): unknown;
}

const ERRORS = new Map<unknown, ErrorConstructor>(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [type.name, type]),
);

/**
 * 0x65 and 0x74 replace msgpackr's own: that of errors calls whatever it finds under the name that the message gives, and
 * that of typed arrays knows those of its own realm only.
 */
export const WIRE_EXTENSIONS: readonly WireExtension[] = [
  { Class: NegativeZero, type: 0x10, write: () => null, read: () => -0 },
  {
    Class: IllFormedText,
    type: 0x11,
    write: ({ text }: IllFormedText) => Buffer.from(text, 'utf16le'),
    read: (data) => Buffer.from(data as Uint8Array).toString('utf16le'),
  },
  { Class: WireMap, type: 0x12, write: ({ keysAndValues }: WireMap) => keysAndValues, read: (data) => toMap(data) },
  {
    Class: WireError,
    type: 0x65,
    write: ({ name, message, properties }: WireError) => [name, message, properties],
    read: (data) => toError(data),
  },
  {
    Class: WireBytes,
    type: 0x74,
    write: ({ type, bytes }: WireBytes) => [
      BINARY_CLASSES.indexOf(type),
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    ],
    read: (data) => toBinary(data),
  },
];

function toMap(data: unknown): Map<unknown, unknown> {
  if (!Array.isArray(data) || data.length % 2 !== 0) throw new TypeError('not the content of a map');
  const map = new Map<unknown, unknown>();
  for (let i = 0; i < data.length; i += 2) map.set(data[i], data[i + 1]);
  return map;
}

function toError(data: unknown): Error {
  const [name, message, properties] = data as [unknown, unknown, object];
  const error = new (ERRORS.get(name) ?? Error)(String(message));
  if (error.name !== name) error.name = String(name);
  error.stack = String(error);
  return Object.assign(error, properties);
}

function toBinary(data: unknown): object {
  const [place, bytes] = data as [number, Uint8Array];
  const type = BINARY_CLASSES[place];
  if (type === undefined || !Buffer.isBuffer(bytes)) throw new TypeError('not binary data');
  const own = Uint8Array.from(bytes).buffer;
  return type === ArrayBuffer ? own : new (type as typeof Uint8Array)(own);
}
