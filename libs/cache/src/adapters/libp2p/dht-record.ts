import { isVersionTag } from '../../core/coherence/source-version.js';
import { isStamp, type Stamp } from './network-clock.js';
import type { NetworkKeys } from './network-keys.js';
import type { Place } from './placement.js';

/** What is stored under a key: a value, or the mark that it was deleted. Instants are the network's, Unix ms. */
export interface DhtRecord {
  readonly place: Place;
  readonly key: string;
  /** Taken before the value was read from its source. */
  readonly stamp: Stamp;
  readonly tombstone: boolean;
  readonly freshUntil: number;
  /** When it is over for good. */
  readonly expiresAt: number;
  readonly tags: readonly string[];
  readonly payload: Uint8Array;
  /** As it travels, with its seal. */
  readonly sealed: Uint8Array;
}

/** What a record is made of. */
export type RecordParts = Omit<DhtRecord, 'place' | 'sealed'>;

/*
 * Byte 0: version. Byte 1: flags, bit 0 tombstone. 18 bytes stamp. Two big-endian doubles: freshUntil, expiresAt. u32 length
 * of the key, u16 number of tags; then the key, each tag behind its u32 length, the payload, and the seal over all of it.
 */
const VERSION = 1;
const TOMBSTONE = 1;
const STAMP_AT = 2;
const STAMP_BYTES = 18;
const FRESH_AT = STAMP_AT + STAMP_BYTES;
const EXPIRES_AT = FRESH_AT + 8;
const KEY_LENGTH_AT = EXPIRES_AT + 8;
const TAGS_AT = KEY_LENGTH_AT + 4;
const HEADER_BYTES = TAGS_AT + 2;
const MAX_TAGS = 65_535;

/** Bytes of a record besides key, tags and payload. */
export const RECORD_OVERHEAD = HEADER_BYTES + 16;

const strict = new TextDecoder('utf-8', { fatal: true });

/** Writes and reads the records of a network. */
export class RecordCodec {
  constructor(
    private readonly keys: NetworkKeys,
    private readonly prefix: string,
  ) {}

  /** The key a record is stored under: prefix and key, one colon between them. */
  recordKey(key: string): string {
    return this.prefix + key;
  }

  place(key: string): Place {
    return this.keys.placeOf(this.recordKey(key));
  }

  encode(parts: RecordParts): DhtRecord {
    const key = Buffer.from(this.recordKey(parts.key));
    const tags = parts.tags.map((tag) => Buffer.from(tag));
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = VERSION;
    header[1] = parts.tombstone ? TOMBSTONE : 0;
    header.write(parts.stamp, STAMP_AT, 'hex');
    header.writeDoubleBE(parts.freshUntil, FRESH_AT);
    header.writeDoubleBE(parts.expiresAt, EXPIRES_AT);
    header.writeUInt32BE(key.length, KEY_LENGTH_AT);
    header.writeUInt16BE(Math.min(tags.length, MAX_TAGS), TAGS_AT);
    const pieces: Uint8Array[] = [header, key];
    for (const tag of tags) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(tag.length);
      pieces.push(length, tag);
    }
    pieces.push(parts.payload);
    return { ...parts, place: this.place(parts.key), sealed: this.keys.seal(Buffer.concat(pieces)) };
  }

  /** `null`: not written by this network, of another version, or damaged. Never throws. */
  decode(sealed: Uint8Array): DhtRecord | null {
    const body = this.keys.open(sealed);
    if (body === null || body.length < HEADER_BYTES || body[0] !== VERSION) return null;
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
    const stamp = bytes.toString('hex', STAMP_AT, FRESH_AT);
    const freshUntil = bytes.readDoubleBE(FRESH_AT);
    const expiresAt = bytes.readDoubleBE(EXPIRES_AT);
    if (!isStamp(stamp) || !Number.isFinite(freshUntil) || !Number.isFinite(expiresAt)) return null;
    const cut = new Cutter(bytes, HEADER_BYTES);
    const recordKey = cut.text(bytes.readUInt32BE(KEY_LENGTH_AT));
    if (recordKey === null || !recordKey.startsWith(this.prefix)) return null;
    const tags: string[] = [];
    for (let left = bytes.readUInt16BE(TAGS_AT); left > 0; left -= 1) {
      const tag = cut.text(cut.length());
      if (tag === null) return null;
      tags.push(tag);
    }
    const key = recordKey.slice(this.prefix.length);
    const tombstone = (bytes[1]! & TOMBSTONE) !== 0;
    const payload = cut.rest();
    return { place: this.place(key), key, stamp, tombstone, freshUntil, expiresAt, tags, payload, sealed };
  }
}

/**
 * Greater than 0 when `a` takes the place of `b`: the later stamp wins, and of two values whose source has versions the newer
 * version. The same on every node, in whatever order the two arrive.
 */
export function compareRecords(a: DhtRecord, b: DhtRecord): number {
  if (!a.tombstone && !b.tombstone) {
    const [ours, theirs] = [a.tags[0], b.tags[0]];
    if (isVersionTag(ours) && isVersionTag(theirs) && ours !== theirs) return ours! > theirs! ? 1 : -1;
  }
  return a.stamp === b.stamp ? 0 : a.stamp > b.stamp ? 1 : -1;
}

/** Takes piece after piece of what nobody has checked yet. */
class Cutter {
  constructor(
    private readonly bytes: Buffer,
    private at: number,
  ) {}

  length(): number {
    if (this.at + 4 > this.bytes.length) return Number.POSITIVE_INFINITY;
    this.at += 4;
    return this.bytes.readUInt32BE(this.at - 4);
  }

  text(length: number): string | null {
    const end = this.at + length;
    if (end > this.bytes.length) return null;
    try {
      const text = strict.decode(this.bytes.subarray(this.at, end));
      this.at = end;
      return text;
    } catch {
      return null; // not UTF-8: nobody of ours wrote it
    }
  }

  rest(): Uint8Array {
    return this.bytes.subarray(this.at);
  }
}
