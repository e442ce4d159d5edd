import msgpackr from 'msgpackr/index-no-eval';
import { toWireForm } from './wire-form.js';
import { ROW, WIRE_EXTENSIONS } from './wire-extensions.js';

/**
 * The build without code generation is used for a second reason as well: extensions belong to a whole msgpackr module,
 * and this one is not the module that the application and its other libraries use. Ours do not reach them, theirs do not
 * reach us.
 */
for (const extension of WIRE_EXTENSIONS) {
  msgpackr.addExtension(extension as unknown as Parameters<typeof msgpackr.addExtension>[0]);
}
/** Strings in bundles: never written here, so what comes with one is not ours. */
msgpackr.addExtension({ type: 0x62, unpack: refuse } as unknown as Parameters<typeof msgpackr.addExtension>[0]);

/** How values are written. The number stands in the envelope: a change of a codec takes a new one. */
export type CodecId = typeof TREE | typeof GRAPH;
const TREE = 1;
const GRAPH = 2;

/** Nothing outlives a message: records are defined in it, buffers are copied out of it. */
const COMMON = { copyBuffers: true, moreTypes: true, useToJSON: false };

const CODECS: Readonly<Record<CodecId, InstanceType<typeof msgpackr.Packr>>> = {
  /** Objects are MessagePack's maps, or records where many of a kind are expected; no object is met twice. */
  [TREE]: new msgpackr.Packr({
    ...COMMON,
    structuredClone: false,
    useRecords: (object: object) => Object.getPrototypeOf(object) === ROW,
    mapsAsObjects: true,
    variableMapSize: true,
  } as object),
  /** Objects are records throughout, which alone keeps them apart from maps, and may refer to one another. */
  [GRAPH]: new msgpackr.Packr({ ...COMMON, structuredClone: true, mapsAsObjects: false } as object),
};

export interface EncodedValue {
  readonly codec: CodecId;
  /** The bytes asked for, unset, and then the value. */
  readonly bytes: Buffer;
}

/**
 * @param headerBytes how many bytes to leave free before the value, at most 255
 * @throws CacheError `LARDER_VALUE_UNCACHEABLE` for what the codec does not carry
 */
export function encodeValue(value: unknown, headerBytes: number): EncodedValue {
  const form = toWireForm(value);
  const codec = form.shape === 'tree' ? TREE : GRAPH;
  // Copied, for msgpackr writes all messages into one large buffer, which each of them would keep alive.
  return { codec, bytes: Buffer.from(CODECS[codec].pack(form.value, RESERVE_START_SPACE | headerBytes)) };
}

/**
 * @param codec as the message has it, which may be anything
 * @throws whatever, for bytes that `encodeValue` did not write; never returns half a value
 */
export function decodeValue(codec: number | undefined, message: Uint8Array, headerBytes: number): unknown {
  if (codec !== TREE && codec !== GRAPH) throw new TypeError('of an unknown codec');
  return CODECS[codec].unpack(message, { start: headerBytes, end: message.length });
}

/** msgpackr: leave as many bytes free at the start as the low 8 bits say. */
const RESERVE_START_SPACE = 2048;

function refuse(): never {
  throw new TypeError('not written by this codec');
}
