import { crc32 } from 'node:zlib';
import type { Ord, Position } from '../../core/coherence/position.js';

/**
 * A record as Redis holds it. Numbers are big-endian, instants Unix ms of the server:
 *
 *     0   position (44, text)
 *     44  layout version (1)
 *     45  order (6)
 *     51  dies at (6)
 *     57  payload
 *     …   checksum over the key and all before it (4): a value that was cut, changed or moved is none
 */
const POSITION_BYTES = 44;
const ORD_BYTES = 28;
const VERSION = 2;
const ORDER_AT = 45;
const DEADLINE_AT = 51;
const PAYLOAD_AT = 57;
const CHECKSUM_BYTES = 4;

export interface DecodedRecord {
  readonly ord: Ord;
  readonly nonce: string;
  readonly deadline: number;
  readonly payload: Buffer;
}

export function encodeRecord(
  redisKey: string,
  position: Position,
  { order, deadline, payload }: { readonly order: number; readonly deadline: number; readonly payload: Uint8Array },
): Buffer {
  const raw = Buffer.allocUnsafe(PAYLOAD_AT + payload.length + CHECKSUM_BYTES);
  raw.write(position, 0, POSITION_BYTES, 'latin1');
  raw[POSITION_BYTES] = VERSION;
  raw.writeUIntBE(order, ORDER_AT, 6);
  raw.writeUIntBE(deadline, DEADLINE_AT, 6);
  raw.set(payload, PAYLOAD_AT);
  raw.writeUInt32BE(checksum(redisKey, raw), raw.length - CHECKSUM_BYTES);
  return raw;
}

/** `null` for anything else than what was stored under this key. */
export function decodeRecord(redisKey: string, raw: Buffer): DecodedRecord | null {
  if (raw.length < PAYLOAD_AT + CHECKSUM_BYTES || raw[POSITION_BYTES] !== VERSION) return null;
  if (raw.readUInt32BE(raw.length - CHECKSUM_BYTES) !== checksum(redisKey, raw)) return null;
  const position = raw.toString('latin1', 0, POSITION_BYTES);
  return {
    ord: position.slice(0, ORD_BYTES),
    nonce: position.slice(ORD_BYTES),
    deadline: raw.readUIntBE(DEADLINE_AT, 6),
    payload: raw.subarray(PAYLOAD_AT, raw.length - CHECKSUM_BYTES),
  };
}

function checksum(redisKey: string, raw: Buffer): number {
  return crc32(raw.subarray(0, raw.length - CHECKSUM_BYTES), crc32(redisKey));
}
