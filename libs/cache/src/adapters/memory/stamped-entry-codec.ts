import type { FillEntry } from '../../core/coherence/cache-backend.port.js';

/** An entry as it lies in a store: the value, and what it takes to judge it. Instants are Unix ms. */
export interface StoredStamp {
  readonly key: string;
  /** The history that the stamp belongs to. */
  readonly lineage: string;
  /** The log's position before the value was read from its source. */
  readonly stamp: string;
  readonly tags: readonly string[];
  readonly freshUntil: number;
  readonly keepUntil: number;
}

/** Byte 0: version of the layout. Then the length of the header (4 bytes), the header as JSON, and the payload. */
const VERSION = 1;
const HEADER_AT = 5;
const MAX_HEADER_BYTES = 1 << 20;

/** A stamped entry as bytes. */
export function encodeStamped(stamp: StoredStamp, payload: FillEntry['payload']): Uint8Array {
  const header = Buffer.from(JSON.stringify({ ...stamp, length: payload.length }));
  const bytes = Buffer.allocUnsafe(HEADER_AT + header.length + payload.length);
  bytes[0] = VERSION;
  bytes.writeUInt32BE(header.length, 1);
  bytes.set(header, HEADER_AT);
  bytes.set(payload, HEADER_AT + header.length);
  return bytes;
}

/** Reads what `encodeStamped` wrote; `null` for anything else. Never throws (I17). */
export function decodeStamped(bytes: unknown): { readonly stamp: StoredStamp; readonly payload: Uint8Array } | null {
  if (!(bytes instanceof Uint8Array) || bytes.length < HEADER_AT || bytes[0] !== VERSION) return null;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = buffer.readUInt32BE(1);
  if (headerBytes > MAX_HEADER_BYTES || HEADER_AT + headerBytes > buffer.length) return null;
  const stamp = readHeader(buffer.toString('utf8', HEADER_AT, HEADER_AT + headerBytes));
  const payload = buffer.subarray(HEADER_AT + headerBytes);
  return stamp === null || stamp.length !== payload.length ? null : { stamp, payload };
}

function readHeader(text: string): (StoredStamp & { readonly length: unknown }) | null {
  try {
    const header = JSON.parse(text) as Partial<Record<keyof StoredStamp, unknown>> | null;
    if (header === null || typeof header !== 'object') return null;
    const { key, lineage, stamp, tags, freshUntil, keepUntil } = header;
    const texts = [key, lineage, stamp].every((each) => typeof each === 'string');
    const instants = [freshUntil, keepUntil].every((each) => Number.isFinite(each));
    const known = texts && instants && Array.isArray(tags) && tags.every((tag) => typeof tag === 'string');
    return known ? (header as StoredStamp & { length: unknown }) : null;
  } catch {
    return null; // damaged; the caller counts it
  }
}
