import { Packr } from 'msgpackr';

/** A value on its way to or from a shared tier. Durations and `createdAt` (wall time) are milliseconds. */
export interface Envelope {
  readonly value: unknown;
  /** How long the value is fresh, from `createdAt` on. */
  readonly freshMs: number;
  /** How long it may be served expired after that. */
  readonly graceMs: number;
  readonly createdAt: number;
}

export interface EncodeOptions {
  /** Largest encoded size, bytes. @default 1048576 */
  readonly maxPayloadBytes?: number;
}

const VERSION = 1;
const CODEC = 1;
const packr = new Packr({ structuredClone: true });

/** @throws CacheError `LARDER_VALUE_UNCACHEABLE` */
export function encodeEnvelope(envelope: Envelope, _options?: EncodeOptions): Uint8Array {
  const body = packr.pack([envelope.freshMs, envelope.graceMs, envelope.createdAt, envelope.value]);
  const bytes = new Uint8Array(body.length + 2);
  bytes[0] = VERSION;
  bytes[1] = CODEC;
  bytes.set(body, 2);
  return bytes;
}

/** `null` for anything that is not an envelope of this version; never throws. */
export function decodeEnvelope(bytes: Uint8Array): Envelope | null {
  if (bytes[0] !== VERSION || bytes[1] !== CODEC) return null;
  try {
    const [freshMs, graceMs, createdAt, value] = packr.unpack(bytes.subarray(2)) as [number, number, number, unknown];
    return { value, freshMs, graceMs, createdAt };
  } catch {
    return null;
  }
}
