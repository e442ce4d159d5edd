import type { Ord, Position } from '../../core/coherence/position.js';
import { murmur3 } from '../../core/hash/murmur3.js';

/**
 * A record as Redis holds it. Numbers are big-endian, instants Unix ms of the server:
 *
 *     0   position (44, text)
 *     44  layout version (1)
 *     45  order (6)
 *     51  dies at (6)
 *     57  payload
 *     …   checksum over group, key and all before it (4): a value that was cut, changed or moved is none
 *
 * A read judges many at once, so nothing is made of their bytes before they are known to stand.
 */
const ORD_BYTES = 28;
const POSITION_BYTES = 44;
const VERSION = 3;
const ORDER_AT = 45;
const DEADLINE_AT = 51;
export const PAYLOAD_AT = 57;
const CHECKSUM_BYTES = 4;

/** What records of the present history are held against, as they say it themselves: in the text of its digits. */
export interface Measure {
  /** An older record is not valid. */
  readonly notBefore: Buffer;
  readonly nonce: Buffer;
  /** The server's clock, ms. */
  readonly now: number;
}

export function measureOf(notBefore: Ord, nonce: string, now: number): Measure {
  return { notBefore: Buffer.from(notBefore, 'latin1'), nonce: Buffer.from(nonce, 'latin1'), now };
}

/** What the checksums of the records of a group begin with: the Redis key of each begins with this text. */
export function seedOf(start: string): number {
  const bytes = Buffer.from(start);
  return murmur3(bytes, 0, bytes.length, 0);
}

export function encodeRecord(
  seed: number,
  key: Uint8Array,
  position: Position,
  { order, deadline, payload }: { readonly order: number; readonly deadline: number; readonly payload: Uint8Array },
): Buffer {
  const raw = Buffer.allocUnsafe(PAYLOAD_AT + payload.length + CHECKSUM_BYTES);
  raw.write(position, 0, POSITION_BYTES, 'latin1');
  raw[POSITION_BYTES] = VERSION;
  raw.writeUIntBE(order, ORDER_AT, 6);
  raw.writeUIntBE(deadline, DEADLINE_AT, 6);
  raw.set(payload, PAYLOAD_AT);
  raw.writeInt32BE(checksum(seed, key, raw), raw.length - CHECKSUM_BYTES);
  return raw;
}

/** False for anything else than what was stored under this key. */
export function isRecord(seed: number, key: Uint8Array, raw: Buffer): boolean {
  if (raw.length < PAYLOAD_AT + CHECKSUM_BYTES || raw[POSITION_BYTES] !== VERSION) return false;
  return raw.readInt32BE(raw.length - CHECKSUM_BYTES) === checksum(seed, key, raw);
}

/** What is left of the life of a record that is valid, ms; 0 or less: it is not, or it is over. */
export function leftOf(raw: Buffer, { notBefore, nonce, now }: Measure): number {
  for (let at = 0; at < nonce.length; at += 1) if (raw[ORD_BYTES + at] !== nonce[at]) return 0;
  for (let at = 0; at < ORD_BYTES; at += 1) {
    if (!(raw[at]! >= notBefore[at]!)) return 0; // also where there is nothing to compare with
    if (raw[at]! > notBefore[at]!) break;
  }
  return raw.readUIntBE(DEADLINE_AT, 6) - now;
}

/** Where the payload ends. */
export function payloadEnd(raw: Buffer): number {
  return raw.length - CHECKSUM_BYTES;
}

function checksum(seed: number, key: Uint8Array, raw: Buffer): number {
  return murmur3(raw, 0, raw.length - CHECKSUM_BYTES, murmur3(key, 0, key.length, seed));
}
