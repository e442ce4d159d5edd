import { CacheError, describeInput } from '../errors/cache-error.js';
import { resolveCodecOptions, type ResolvedCodecOptions } from './codec.options.js';
import { decodeValue, encodeValue } from './value-codec.js';

/** A value on its way to or from a shared tier. Durations and `createdAt` (wall time) are milliseconds. */
export interface Envelope {
  readonly value: unknown;
  /** How long the value is fresh, from `createdAt` on; `Infinity`: for ever. */
  readonly freshMs: number;
  /** How long it may be served expired after that. */
  readonly graceMs: number;
  readonly createdAt: number;
}

/*
 * Byte 0: version of the layout. Byte 1: codec of the value. Then freshMs, graceMs and createdAt as big-endian doubles,
 * then the value. A new layout takes a new version: instances of both run side by side during a deploy, and each takes
 * the other's entries for misses.
 */
const VERSION = 1;
const FRESH_AT = 2;
const GRACE_AT = 10;
const CREATED_AT = 18;
const HEADER_BYTES = 26;

const DEFAULTS = resolveCodecOptions();

/**
 * @throws CacheError `LARDER_VALUE_UNCACHEABLE` for functions, symbols, promises, streams, classes with `#private`
 * members, own `__proto__` keys, nesting beyond 500 levels, and more bytes than `maxPayloadBytes`
 */
export function encodeEnvelope(envelope: Envelope, { maxPayloadBytes }: ResolvedCodecOptions = DEFAULTS): Uint8Array {
  const { codec, bytes } = encodeValue(envelope.value, HEADER_BYTES);
  const payloadBytes = bytes.length - HEADER_BYTES;
  if (payloadBytes > maxPayloadBytes) {
    throw new CacheError(
      'LARDER_VALUE_UNCACHEABLE',
      `Expected a value of at most ${maxPayloadBytes} bytes encoded, got ${payloadBytes} from ${describeInput(envelope.value)}. Return less, or raise \`codec.maxPayloadBytes\` of the module.`,
    );
  }
  bytes[0] = VERSION;
  bytes[1] = codec;
  bytes.writeDoubleBE(envelope.freshMs, FRESH_AT);
  bytes.writeDoubleBE(envelope.graceMs, GRACE_AT);
  bytes.writeDoubleBE(envelope.createdAt, CREATED_AT);
  return bytes;
}

/**
 * Reads what `encodeEnvelope` wrote. `null`: another version or codec, damaged, or too large; a miss to be counted.
 * Never throws, and nothing in the bytes can reach beyond the value they yield (I17).
 */
export function decodeEnvelope(
  bytes: Uint8Array,
  { maxPayloadBytes }: ResolvedCodecOptions = DEFAULTS,
): Envelope | null {
  const payloadBytes = bytes.length - HEADER_BYTES;
  if (payloadBytes < 1 || payloadBytes > maxPayloadBytes || bytes[0] !== VERSION) return null;
  const freshMs = readDouble(bytes, FRESH_AT);
  const graceMs = readDouble(bytes, GRACE_AT);
  const createdAt = readDouble(bytes, CREATED_AT);
  if (!(freshMs >= 0 && graceMs >= 0 && Number.isFinite(createdAt))) return null;
  try {
    return { value: decodeValue(bytes[1], bytes, HEADER_BYTES), freshMs, graceMs, createdAt };
  } catch {
    return null; // damaged; the caller counts it
  }
}

/** As `Buffer` does, for any array of bytes. */
function readDouble(bytes: Uint8Array, at: number): number {
  return Buffer.prototype.readDoubleBE.call(bytes, at);
}
