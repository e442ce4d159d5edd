import { CacheError, describeInput } from '../errors/cache-error.js';
import { isWellFormed } from '../keys/well-formed.js';

/** A decision with where it comes from: what was decided, under which policy and signers, from which feed and inputs. */
export interface DecisionEntry<Decision = unknown> {
  /** Names the decision by its inputs; see `veriKey`. Not empty, at most 512 bytes. */
  readonly veriKey: string;
  /** What was decided: anything that may be cached. */
  readonly decision: Decision;
  /** The policy it was decided under. At most 256 bytes, compared for equality. */
  readonly policyHash: string;
  /** The signers it was decided for. At most 256 bytes, compared for equality. */
  readonly signerSetHash: string;
  /** The state of the feeds it was decided from. At most 256 code units, ordered by `compareFeedEpochs`. */
  readonly feedEpoch: string;
  /** The digests of its inputs, by name; for `provenance`. @default {} */
  readonly inputDigests?: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  /** From then on it is expired: still to be seen, no longer to be used. */
  readonly expiresAt: Date;
}

/** What of an entry criteria look at. */
export type DecisionFacets = Pick<DecisionEntry, 'veriKey' | 'policyHash' | 'signerSetHash' | 'feedEpoch'>;

const MAX_KEY_BYTES = 512;
const MAX_HASH_BYTES = 256;
/** An index row has room for an epoch of this length in its sortable form, whatever it is made of. */
export const MAX_EPOCH_LENGTH = 256;

/** @throws CacheError `LARDER_DECISION_INVALID` for anything but well-formed text of 1 to 512 bytes without NUL */
export function assertVeriKey(veriKey: unknown): asserts veriKey is string {
  assertText('veriKey', veriKey, MAX_KEY_BYTES);
  if (veriKey === '') throw invalid('veriKey', 'text that is not empty', veriKey);
}

/** @throws CacheError `LARDER_DECISION_INVALID` naming the field */
export function assertPolicyHash(hash: unknown): asserts hash is string {
  assertText('policyHash', hash, MAX_HASH_BYTES);
}

/** @throws CacheError `LARDER_DECISION_INVALID` naming the field */
export function assertSignerSetHash(hash: unknown): asserts hash is string {
  assertText('signerSetHash', hash, MAX_HASH_BYTES);
}

/** @throws CacheError `LARDER_DECISION_INVALID` naming the field */
export function assertFeedEpoch(epoch: unknown): asserts epoch is string {
  assertText('feedEpoch', epoch, MAX_EPOCH_LENGTH * 3);
  if (epoch.length <= MAX_EPOCH_LENGTH) return;
  throw invalid('feedEpoch', `text of at most ${MAX_EPOCH_LENGTH} code units`, epoch);
}

/**
 * Checks an entry before it is kept anywhere.
 *
 * @throws CacheError `LARDER_DECISION_INVALID` naming the field
 */
export function assertDecisionEntry(entry: unknown): asserts entry is DecisionEntry {
  if (typeof entry !== 'object' || entry === null) throw invalid('entry', 'a decision entry', entry);
  const given = entry as Partial<Record<keyof DecisionEntry, unknown>>;
  assertVeriKey(given.veriKey);
  assertPolicyHash(given.policyHash);
  assertSignerSetHash(given.signerSetHash);
  assertFeedEpoch(given.feedEpoch);
  assertInstant('createdAt', given.createdAt);
  assertInstant('expiresAt', given.expiresAt);
  assertDigests(given.inputDigests);
}

function assertDigests(digests: unknown): void {
  if (digests === undefined) return;
  if (typeof digests !== 'object' || digests === null || Array.isArray(digests))
    throw invalid('inputDigests', 'an object of digests by name', digests);
  for (const [name, digest] of Object.entries(digests)) {
    assertText('inputDigests', name, MAX_KEY_BYTES);
    assertText(`inputDigests.${name}`, digest, MAX_KEY_BYTES);
  }
}

function assertInstant(field: string, instant: unknown): void {
  if (instant instanceof Date && !Number.isNaN(instant.getTime())) return;
  throw invalid(field, 'a valid Date', instant);
}

/** What no database can hold as text, or no index, would be lost or altered on the way; so it is refused at the door. */
function assertText(field: string, text: unknown, maxBytes: number): asserts text is string {
  if (typeof text !== 'string') throw invalid(field, 'text', text);
  if (!isWellFormed(text)) throw invalid(field, 'well-formed text (it holds half of a surrogate pair)', text);
  if (text.includes('\0')) throw invalid(field, 'text without NUL', text);
  if (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes)
    throw invalid(field, `text of at most ${maxBytes} bytes`, text);
}

function invalid(field: string, expected: string, got: unknown): CacheError {
  return new CacheError(
    'LARDER_DECISION_INVALID',
    `Expected \`${field}\` of a decision to be ${expected}, got ${describeInput(got)}. Use digests such as \`veriKey(…)\` makes for what may be long.`,
  );
}
