import msgpackr from 'msgpackr/index-no-eval';
import { toWireForm } from './wire-form.js';
import { WIRE_EXTENSIONS } from './wire-extensions.js';

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

/**
 * Objects are written as records, which alone keeps them apart from `Map`s: each message defines its own records, so
 * that every message can be read without any other. Buffers are copied out of the message.
 */
const packr = new msgpackr.Packr({ structuredClone: true, copyBuffers: true, useToJSON: false } as object);

/** @throws CacheError `LARDER_VALUE_UNCACHEABLE` for what the codec does not carry */
export function encodeValue(value: unknown): Uint8Array {
  return packr.pack(toWireForm(value));
}

/** @throws whatever, for bytes that `encodeValue` did not write; never returns half a value */
export function decodeValue(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}

function refuse(): never {
  throw new TypeError('not written by this codec');
}
