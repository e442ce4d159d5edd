import type { FillEntry, StoredEntry } from '../../core/coherence/cache-backend.port.js';
import { isVersionTag } from '../../core/coherence/source-version.js';
import type { Ord, Position } from '../../core/coherence/position.js';

/**
 * An entry as Redis holds it. The scripts write the head and read it again (`setf.script.ts`, `getp.script.ts`); numbers
 * are big-endian, instants are Unix ms of the server:
 *
 *     0   position (44, text)
 *     44  layout version (1)
 *     45  fresh until (6)
 *     51  kept until (6)
 *     57  number of tags (2), then per tag its length (2) and its UTF-8 bytes     ┐ the tail; a version of the
 *                                                                                 │ source is its first tag
 *     …   payload                                                                ┘
 */
const ORD_BYTES = 28;
const VERSION_AT = 44;
const VERSION = 1;
const FRESH_AT = 45;
const KEEP_AT = 51;
const TAGS_AT = 57;

/** What of an entry is known before it reaches the server. */
export interface EntryDraft {
  readonly freshMs: number;
  readonly keepMs: number;
  readonly tail: Buffer;
}

/** @param longestMs no entry is kept longer than this */
export function draft({ payload, tags, freshMs, keepMs }: FillEntry, longestMs: number): EntryDraft {
  const keep = Math.ceil(Math.min(keepMs, longestMs));
  const texts = tags.map((tag) => Buffer.from(tag));
  const head = Buffer.allocUnsafe(texts.reduce((size, text) => size + 2 + text.length, 2));
  let at = head.writeUInt16BE(texts.length, 0);
  for (const text of texts) {
    at = head.writeUInt16BE(text.length, at);
    at += text.copy(head, at);
  }
  return {
    freshMs: Math.max(0, Math.min(Math.floor(freshMs), keep)),
    keepMs: keep,
    tail: Buffer.concat([head, payload]),
  };
}

/** The version of its source, as its first tag tells it; empty where it has none. */
export function versionOf({ tail }: EntryDraft): string {
  const first = tail.length < 4 ? '' : tail.toString('utf8', 4, 4 + tail.readUInt16BE(2));
  return isVersionTag(first) ? first : '';
}

export function stampOf(raw: Buffer): Ord {
  return raw.toString('latin1', 0, ORD_BYTES);
}

/** The position an entry was stored with, if it is fresh at `now`, the server's clock; empty otherwise. */
export function freshPosition(raw: Buffer, now: number): Position {
  if (raw.length < TAGS_AT + 2 || raw[VERSION_AT] !== VERSION || raw.readUIntBE(FRESH_AT, 6) <= now) return '';
  return raw.toString('latin1', 0, VERSION_AT);
}

/** Empty for an entry that is not whole. */
export function tagsOf(raw: Buffer): readonly string[] {
  return decodeEntry(raw, 0)?.tags ?? [];
}

/** Everything before the payload: by this alone an entry is judged. Empty for anything that is not a whole entry. */
export function headOf(raw: Buffer): Buffer {
  const entry = decodeEntry(raw, 0);
  return entry === null ? raw.subarray(0, 0) : raw.subarray(0, raw.length - entry.payload.length);
}

/** @param now the server's clock. Returns `null` for anything that is not a whole entry. */
export function decodeEntry(raw: Buffer, now: number): StoredEntry | null {
  if (raw.length < TAGS_AT + 2 || raw[VERSION_AT] !== VERSION) return null;
  const tags: string[] = [];
  let at = TAGS_AT + 2;
  for (let count = raw.readUInt16BE(TAGS_AT); count > 0; count -= 1) {
    if (at + 2 > raw.length) return null;
    const end = at + 2 + raw.readUInt16BE(at);
    if (end > raw.length) return null;
    tags.push(raw.toString('utf8', at + 2, end));
    at = end;
  }
  const freshMs = raw.readUIntBE(FRESH_AT, 6) - now;
  return { payload: raw.subarray(at), tags, freshMs, keepMs: raw.readUIntBE(KEEP_AT, 6) - now };
}
