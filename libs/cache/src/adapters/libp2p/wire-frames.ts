import { NO_ID, type LogId } from '../../core/coherence/position.js';

/** What a frame says. A reply has the id of its request. */
export const FrameKind = {
  hello: 1,
  find: 2,
  store: 3,
  lack: 4,
  sync: 5,
  snapshot: 6,
  reply: 128,
  /** A reply that more will follow. */
  page: 129,
  /** The request could not be read. */
  refused: 130,
} as const;

export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** One message between two nodes. */
export interface Frame {
  readonly kind: FrameKind;
  readonly id: number;
  /** The sender's time: every frame brings the clocks together. */
  readonly at: LogId;
  readonly payload: Uint8Array;
}

const LENGTH_BYTES = 4;
const ID_AT = 5;
const INSTANT_AT = 9;
const INSTANT_BYTES = 10;
const HEADER_BYTES = INSTANT_AT + INSTANT_BYTES;
const LEAST_LENGTH = HEADER_BYTES - LENGTH_BYTES;
const KINDS: ReadonlySet<number> = new Set(Object.values(FrameKind));

/** Bytes of a frame besides its payload. */
export const FRAME_OVERHEAD = HEADER_BYTES;

/** u32 length of what follows, u8 kind, u32 id, 10 bytes instant, payload. */
export function encodeFrame({ kind, id, at, payload }: Frame): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  bytes.writeUInt32BE(bytes.length - LENGTH_BYTES, 0);
  bytes[LENGTH_BYTES] = kind;
  bytes.writeUInt32BE(id >>> 0, ID_AT);
  bytes.write(at === '' ? NO_ID : at, INSTANT_AT, 'hex');
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/**
 * Cuts a stream of bytes into frames, whatever the pieces it comes in. What is no frame of ours, or announces more than
 * `maxBytes`, cannot be followed any further: the reader is `broken`, and the stream is to be given up.
 */
export class FrameReader {
  private readonly pieces: Uint8Array[] = [];
  private held = 0;
  private failed = false;

  constructor(private readonly maxBytes: number) {}

  get broken(): boolean {
    return this.failed;
  }

  /** The frames that are complete now. Never throws. */
  push(piece: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    if (this.failed || piece.length === 0) return frames;
    this.pieces.push(piece);
    this.held += piece.length;
    for (let length = this.nextLength(); length !== null; length = this.nextLength()) {
      if (length < LEAST_LENGTH || length > this.maxBytes + LEAST_LENGTH) return this.giveUp(frames);
      if (this.held < LENGTH_BYTES + length) break;
      const frame = parse(this.take(LENGTH_BYTES + length));
      if (frame === null) return this.giveUp(frames);
      frames.push(frame);
    }
    return frames;
  }

  private nextLength(): number | null {
    if (this.held < LENGTH_BYTES) return null;
    if (this.pieces[0]!.length < LENGTH_BYTES) this.pieces.splice(0, this.pieces.length, Buffer.concat(this.pieces));
    const first = this.pieces[0]!;
    return Buffer.from(first.buffer, first.byteOffset, first.length).readUInt32BE(0);
  }

  private take(length: number): Buffer {
    let first = this.pieces[0]!;
    if (first.length < length) {
      first = Buffer.concat(this.pieces);
      this.pieces.splice(0, this.pieces.length, first);
    }
    if (first.length === length) this.pieces.shift();
    else this.pieces[0] = first.subarray(length);
    this.held -= length;
    return Buffer.from(first.buffer, first.byteOffset, length);
  }

  private giveUp(frames: Frame[]): Frame[] {
    this.failed = true;
    this.pieces.length = 0;
    this.held = 0;
    return frames;
  }
}

function parse(bytes: Buffer): Frame | null {
  const kind = bytes[LENGTH_BYTES]!;
  if (!KINDS.has(kind)) return null;
  return {
    kind: kind as FrameKind,
    id: bytes.readUInt32BE(ID_AT),
    at: bytes.toString('hex', INSTANT_AT, HEADER_BYTES),
    payload: bytes.subarray(HEADER_BYTES),
  };
}
