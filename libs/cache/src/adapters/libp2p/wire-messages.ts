import { isPlace, type Place } from './placement.js';
import { isPredicateRow, type PredicateRow } from './predicates.js';
import type { SequenceVector } from './sequence-tracker.js';
import { isStamp, type Stamp, type WriterId } from './network-clock.js';

/** Version of all that nodes say to each other; nodes of another keep away from each other. */
export const WIRE_VERSION = 1;

/** Who is there. */
export interface Hello {
  readonly writer: WriterId;
}

/** How a node answers a record that it was to store. */
export const StoreAnswer = { stored: 0, older: 1, expired: 2, forged: 3, skewed: 4 } as const;
export type StoreAnswer = (typeof StoreAnswer)[keyof typeof StoreAnswer];

/** `had`: a value was there that the record took the place of. */
export interface StoreReply {
  readonly answer: StoreAnswer;
  readonly had: boolean;
}

/** How far a node has come, and whom it knows. */
export interface SyncReply {
  readonly vector: SequenceVector;
  /** Addresses of the members it is connected with. */
  readonly peers: readonly string[];
}

/** A piece of what a node remembers as invalidated; the vector comes with the first. */
export interface SnapshotPage {
  readonly vector: SequenceVector;
  readonly rows: readonly PredicateRow[];
}

const PLACE_BYTES = 32;
const STAMP_BYTES = 18;
const PAIR_BYTES = PLACE_BYTES + STAMP_BYTES;
const WRITER = /^[0-9a-f]{16}$/;
const MAX_PEERS = 1000;

export function encodeHello({ writer }: Hello): Uint8Array {
  return json({ v: WIRE_VERSION, writer });
}

export function decodeHello(payload: Uint8Array): Hello | null {
  const { v, writer } = record(payload);
  return v === WIRE_VERSION && isWriter(writer) ? { writer } : null;
}

export function encodePlace(place: Place): Uint8Array {
  return Buffer.from(place, 'latin1');
}

export function decodePlace(payload: Uint8Array): Place | null {
  const place = bufferOf(payload).toString('latin1');
  return isPlace(place) ? place : null;
}

export function encodeStoreReply({ answer, had }: StoreReply): Uint8Array {
  return Uint8Array.of(answer, had ? 1 : 0);
}

export function decodeStoreReply(payload: Uint8Array): StoreReply | null {
  const [answer, had] = payload;
  const known = Object.values(StoreAnswer).find((each) => each === answer);
  return payload.length === 2 && known !== undefined ? { answer: known, had: had === 1 } : null;
}

/** Pairs of place and stamp, one behind the other. */
export function encodePairs(pairs: readonly { readonly place: Place; readonly stamp: Stamp }[]): Uint8Array {
  const bytes = Buffer.alloc(pairs.length * PAIR_BYTES);
  pairs.forEach(({ place, stamp }, index) => {
    bytes.write(place, index * PAIR_BYTES, 'latin1');
    bytes.write(stamp, index * PAIR_BYTES + PLACE_BYTES, 'hex');
  });
  return bytes;
}

export function decodePairs(payload: Uint8Array): { place: Place; stamp: Stamp }[] | null {
  if (payload.length % PAIR_BYTES !== 0) return null;
  const bytes = bufferOf(payload);
  return Array.from({ length: payload.length / PAIR_BYTES }, (_, index) => {
    const at = index * PAIR_BYTES;
    return {
      place: bytes.toString('latin1', at, at + PLACE_BYTES),
      stamp: bytes.toString('hex', at + PLACE_BYTES, at + PAIR_BYTES),
    };
  }).filter(({ stamp }) => isStamp(stamp));
}

export function encodeSync({ vector, peers }: SyncReply): Uint8Array {
  return json({ vector, peers });
}

export function decodeSync(payload: Uint8Array): SyncReply | null {
  const { vector, peers } = record(payload);
  if (!isVector(vector) || !Array.isArray(peers)) return null;
  return { vector, peers: peers.slice(0, MAX_PEERS).filter((each) => typeof each === 'string') };
}

export function encodePage({ vector, rows }: SnapshotPage): Uint8Array {
  return json({ vector, rows });
}

export function decodePage(payload: Uint8Array): SnapshotPage | null {
  const { vector, rows } = record(payload);
  return isVector(vector) && Array.isArray(rows) && rows.every(isPredicateRow) ? { vector, rows } : null;
}

export function isWriter(value: unknown): value is WriterId {
  return typeof value === 'string' && WRITER.test(value);
}

function isVector(value: unknown): value is SequenceVector {
  return Array.isArray(value) && value.every(isProgress);
}

function isProgress(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && isWriter(value[0]) && isSequence(value[1]);
}

export function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** The object that the bytes spell; an empty one where they spell something else. */
function record(payload: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bufferOf(payload).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // not JSON: the caller finds nothing that it needs
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
