import type { StoredEntry } from '../../core/coherence/cache-backend.port.js';
import type { Ord, Position } from '../../core/coherence/position.js';

/**
 * An entry as Redis holds it. The scripts read the same layout (`getp.script.ts`); numbers are big-endian:
 *
 *     0   position (44, text)
 *     44  layout version (1)
 *     45  grace, ms (6): the entry is fresh while its TTL is above this
 *     51  number of tags (2), then per tag its length (2) and its UTF-8 bytes
 *     …   payload
 */
const POSITION_BYTES = 44;
const ORD_BYTES = 28;
const VERSION = 1;
const GRACE_AT = 45;
const TAGS_AT = 51;
const MAX_GRACE = 2 ** 48 - 1;

/** Everything of an entry but its position, which a `put` learns only in the server. */
export function encodeBody(graceMs: number, tags: readonly string[], payload: Uint8Array): Buffer {
  const texts = tags.map((tag) => Buffer.from(tag));
  const head = Buffer.allocUnsafe(texts.reduce((size, text) => size + 2 + text.length, 9));
  head.writeUInt8(VERSION, 0);
  head.writeUIntBE(Math.min(MAX_GRACE, Math.max(0, Math.round(graceMs))), 1, 6);
  let at = head.writeUInt16BE(texts.length, 7);
  for (const text of texts) {
    at = head.writeUInt16BE(text.length, at);
    at += text.copy(head, at);
  }
  return Buffer.concat([head, payload]);
}

export function encodeEntry(position: Position, graceMs: number, tags: readonly string[], payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(position, 'latin1'), encodeBody(graceMs, tags, payload)]);
}

export function stampOf(raw: Buffer): Ord {
  return raw.toString('latin1', 0, ORD_BYTES);
}

/** @param leftMs what is left of its physical life. Returns `null` for anything that is not a whole entry. */
export function decodeEntry(raw: Buffer, leftMs: number): StoredEntry | null {
  if (raw.length < TAGS_AT + 2 || raw[POSITION_BYTES] !== VERSION) return null;
  const tags: string[] = [];
  let at = TAGS_AT + 2;
  for (let count = raw.readUInt16BE(TAGS_AT); count > 0; count -= 1) {
    if (at + 2 > raw.length) return null;
    const end = at + 2 + raw.readUInt16BE(at);
    if (end > raw.length) return null;
    tags.push(raw.toString('utf8', at + 2, end));
    at = end;
  }
  return { payload: raw.subarray(at), tags, freshMs: leftMs - raw.readUIntBE(GRACE_AT, 6), keepMs: leftMs };
}
