import { isInvalidation, targetsOf, type Invalidation } from '../../core/coherence/invalidation.js';
import { MAX_MESSAGE_BYTES, MAX_MESSAGE_TARGETS } from '../../core/coherence/log-message.js';
import { isLogId, type LogId } from '../../core/coherence/position.js';
import type { WriterId } from './network-clock.js';
import { SEAL_BYTES, type NetworkKeys } from './network-keys.js';
import { WIRE_VERSION, isSequence, isWriter } from './wire-messages.js';

/** An invalidation and its instant. */
export interface DatedInvalidation {
  readonly at: LogId;
  readonly invalidation: Invalidation;
}

/** What one node announces in one go. */
export interface GossipMessage {
  readonly origin: WriterId;
  /** The node's messages are numbered from 1 on. */
  readonly sequence: number;
  readonly batch: readonly DatedInvalidation[];
}

/** Room for the seal. */
export const MAX_GOSSIP_BYTES = MAX_MESSAGE_BYTES + SEAL_BYTES;

export function encodeGossip({ origin, sequence, batch }: GossipMessage, keys: NetworkKeys): Uint8Array {
  const entries = batch.map(({ at, invalidation }) => [at, invalidation]);
  return keys.seal(Buffer.from(JSON.stringify({ v: WIRE_VERSION, o: origin, s: sequence, b: entries })));
}

/** Whatever arrives, reading never throws. */
export function decodeGossip(sealed: Uint8Array, keys: NetworkKeys): GossipMessage | 'unreadable' | 'forged' {
  if (sealed.length > MAX_GOSSIP_BYTES) return 'unreadable';
  const body = keys.open(sealed);
  if (body === null) return 'forged';
  const { v, o: origin, s: sequence, b: entries } = parse(body);
  if (v !== WIRE_VERSION || !isWriter(origin) || !isSequence(sequence) || sequence === 0) return 'unreadable';
  if (!Array.isArray(entries) || !entries.every(isEntry)) return 'unreadable';
  const batch = entries.map(([at, invalidation]) => ({ at, invalidation }));
  const targets = batch.reduce((sum, { invalidation }) => sum + targetsOf(invalidation), 0);
  return targets > MAX_MESSAGE_TARGETS ? 'unreadable' : { origin, sequence, batch };
}

function isEntry(value: unknown): value is [LogId, Invalidation] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [at, invalidation] = value as unknown[];
  return typeof at === 'string' && isLogId(at) && isInvalidation(invalidation);
}

function parse(body: Uint8Array): Partial<Record<'v' | 'o' | 's' | 'b', unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {}; // not JSON: nothing in it is as expected
  }
}
