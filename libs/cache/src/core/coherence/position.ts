/**
 * Positions in an invalidation log (coherence page, 2.1). All parts are fixed-width lower-case hex, so that text order is
 * numeric order and a Lua script can cut them with `string.sub`:
 *
 *     era = epoch(8) nonce(16)     which history: compared for equality only, the nonce is fresh at every birth and change
 *     id  = ms(12) seq(8)          the log's own hybrid clock: never goes back, one per message
 *     ord = epoch id        (28)   text order = log order along one path of histories
 *     pos = ord nonce       (44)   what entries and receipts carry
 *
 * An epoch alone would not do: two lost control records can re-issue the same number. The nonce cannot be re-issued.
 */
export type Era = string;
export type LogId = string;
export type Ord = string;
export type Position = string;

const EPOCH = 8;
const ERA = 24;
const ID = 20;
const ORD = 28;
const POSITION = 44;
const MS = 12;

const HEX = /^[0-9a-f]+$/;

/** Before every message of every history. */
export const NO_ID: LogId = '0'.repeat(ID);

export function isEra(text: string): text is Era {
  return text.length === ERA && HEX.test(text);
}

export function isLogId(text: string): text is LogId {
  return text.length === ID && HEX.test(text);
}

export function isPosition(text: string): text is Position {
  return text.length === POSITION && HEX.test(text);
}

/** Where message `id` of history `era` stands, comparable along the path of histories. */
export function ordOf(era: Era, id: LogId): Ord {
  return era.slice(0, EPOCH) + id;
}

/** Where message `id` of history `era` stands, for entries and receipts. */
export function positionOf(era: Era, id: LogId): Position {
  return era.slice(0, EPOCH) + id + era.slice(EPOCH);
}

export function ordOfPosition(position: Position): Ord {
  return position.slice(0, ORD);
}

export function eraOfPosition(position: Position): Era {
  return position.slice(0, EPOCH) + position.slice(ORD);
}

/** The epoch's eight digits, for a server that has to count past it. */
export function epochOf(era: Era): string {
  return era.slice(0, EPOCH);
}

/**
 * True when an instance that stands at `at` reflects everything up to `awaited`: it is as far along the same history, or
 * it entered a later one, which it does with empty memory. Two histories of one epoch say nothing about each other.
 */
export function covers(at: Position, awaited: Position): boolean {
  if (eraOfPosition(at) === eraOfPosition(awaited)) return ordOfPosition(at) >= ordOfPosition(awaited);
  return at.slice(0, EPOCH) > awaited.slice(0, EPOCH);
}

/** A path of histories as a server keeps it: each era and the last id of it that stands. */
export function splitPath(text: string): { readonly era: Era; readonly upTo: LogId }[] {
  return Array.from({ length: Math.floor(text.length / POSITION) }, (_, n) => {
    const segment = text.slice(n * POSITION, (n + 1) * POSITION);
    return { era: segment.slice(0, ERA), upTo: segment.slice(ERA) };
  });
}

/** The nonce, which no two histories share. */
export function nonceOf(era: Era): string {
  return era.slice(EPOCH);
}

/** The log's clock at a message, Unix ms of the server that gave the id. */
export function millisecondsOf(id: LogId): number {
  return Number.parseInt(id.slice(0, MS), 16);
}

/** The smallest id at `ms`. */
export function logIdAt(ms: number, sequence = 0): LogId {
  return ms.toString(16).padStart(MS, '0') + sequence.toString(16).padStart(ID - MS, '0');
}
