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

/** An object used as a dictionary. As a record its keys would be taken for a shape that comes again. */
export class Dictionary {
  constructor(readonly entries: Map<string, unknown>) {}
}

/** An error: name, message and properties. Its stack stays at home. */
export class WireError {
  constructor(
    readonly name: string,
    readonly message: string,
    readonly properties: Map<string, unknown>,
  ) {}
}

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
  { Class: Dictionary, type: 0x12, write: ({ entries }: Dictionary) => entries, read: (data) => toObject(data) },
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

function toObject(data: unknown): object {
  if (!(data instanceof Map) || data.has('__proto__')) throw new TypeError('not a dictionary');
  return Object.fromEntries(data as Map<string, unknown>);
}

function toError(data: unknown): Error {
  const [name, message, properties] = data as [unknown, unknown, unknown];
  const error = new (ERRORS.get(name) ?? Error)(String(message));
  if (error.name !== name) error.name = String(name);
  error.stack = String(error);
  return Object.assign(error, toObject(properties));
}

function toBinary(data: unknown): object {
  const [place, bytes] = data as [number, Uint8Array];
  const type = BINARY_CLASSES[place];
  if (type === undefined || !Buffer.isBuffer(bytes)) throw new TypeError('not binary data');
  const own = Uint8Array.from(bytes).buffer;
  return type === ArrayBuffer ? own : new (type as typeof Uint8Array)(own);
}
