import { decodeEnvelope, encodeEnvelope } from '../../core/codec/envelope.js';
import type { ResolvedCodecOptions } from '../../core/codec/codec.options.js';
import type { DecisionEntry } from '../../core/decision/decision-entry.js';
import { literalPrefixOf, removalMatcher, type DecisionRemoval } from '../../core/decision/decision-removal.js';
import type { DecisionLookup, DecisionWrite, PastDecision } from '../../core/decision/decision-store.port.js';
import { feedEpochBytes } from '../../core/decision/feed-epoch.js';

/** A lookup as the driver gives it: `bigint` comes as text. */
export interface StoredLookup {
  readonly fence_now: string;
  readonly store_time: string;
  readonly version: string | null;
  readonly decision: Buffer;
  readonly policy_hash: string;
  readonly signer_set_hash: string;
  readonly feed_epoch: string;
  readonly input_digests: Record<string, string> | null;
  readonly created: string;
  readonly expires: string;
}

interface StoredFence {
  readonly kind: string;
  readonly value: string;
  readonly under: string;
  readonly request: string;
}

/** A row of the past, with the fences that may have hit it. */
export interface StoredPast {
  readonly version: string;
  readonly policy_hash: string;
  readonly signer_set_hash: string;
  readonly feed_epoch: string;
  readonly created: string;
  readonly expires: string;
  readonly fences: readonly StoredFence[] | null;
}

/** What cannot be read, written by a later release perhaps, counts as nothing, and what is decided anew replaces it. */
export function toLookup(veriKey: string, stored: StoredLookup, codec: ResolvedCodecOptions): DecisionLookup {
  const version = BigInt(stored.version ?? 0);
  const mark = { fence: BigInt(stored.fence_now), version, storeTimeMs: Number(stored.store_time) };
  const decoded = stored.version === null ? null : decodeEnvelope(stored.decision, codec);
  if (decoded === null) return { kept: null, mark };
  const { policy_hash: policyHash, signer_set_hash: signerSetHash, feed_epoch: feedEpoch, input_digests } = stored;
  const entry: DecisionEntry = {
    veriKey,
    decision: decoded.value,
    policyHash,
    signerSetHash,
    feedEpoch,
    ...(input_digests === null ? {} : { inputDigests: input_digests }),
    createdAt: new Date(Number(stored.created)),
    expiresAt: new Date(Number(stored.expires)),
  };
  return { kept: { entry, version, remainingMs: Number(stored.expires) - mark.storeTimeMs }, mark };
}

/** The parameters of a write but for the namespace: a list per column. */
export function writeParameters(writes: readonly (DecisionWrite & { readonly payload: Uint8Array })[]): unknown[] {
  const column = <T>(of: (entry: DecisionEntry) => T): T[] => writes.map(({ entry }) => of(entry));
  return [
    column(({ veriKey }) => veriKey),
    column(({ policyHash }) => policyHash),
    column(({ signerSetHash }) => signerSetHash),
    column(({ feedEpoch }) => feedEpoch),
    column(({ feedEpoch }) => feedEpochBytes(feedEpoch)),
    column(({ inputDigests }) => (inputDigests === undefined ? null : JSON.stringify(inputDigests))),
    writes.map(({ payload }) => payload),
    column(({ createdAt }) => createdAt.getTime()),
    column(({ expiresAt }) => expiresAt.getTime()),
    writes.map(({ mark }) => String(mark?.fence ?? -1)),
    writes.map(({ mark }) => String(mark?.version ?? -1)),
  ];
}

/** The decision in bytes; `null` for what cannot be kept. */
export function payloadOf(decision: unknown, codec: ResolvedCodecOptions): Uint8Array | null {
  try {
    return encodeEnvelope({ value: decision, freshMs: 0, graceMs: 0, createdAt: 0 }, codec);
  } catch {
    return null;
  }
}

/** kind, value, under, prefix, epoch */
export function fenceParameters(removal: DecisionRemoval): [string, string, string, string | null, Buffer | null] {
  switch (removal.kind) {
    case 'key':
      return ['key', removal.veriKey, '', null, null];
    case 'policy':
    case 'signers':
      return [removal.kind, removal.hash, '', null, null];
    case 'epoch':
      return ['epoch', removal.olderThan, '', null, feedEpochBytes(removal.olderThan)];
    case 'pattern':
      return ['pattern', removal.pattern, removal.under, literalPrefixOf(removal), null];
  }
}

export function toPast(veriKey: string, stored: StoredPast): PastDecision {
  const { policy_hash: policyHash, signer_set_hash: signerSetHash, feed_epoch: feedEpoch, fences } = stored;
  const facets = { veriKey, policyHash, signerSetHash, feedEpoch };
  const hit = (fences ?? []).find((fence) => hits(fence)(facets));
  return {
    ...facets,
    version: BigInt(stored.version),
    createdAt: new Date(Number(stored.created)),
    expiresAt: new Date(Number(stored.expires)),
    removedBy: hit?.request ?? null,
  };
}

function hits({ kind, value, under }: StoredFence): ReturnType<typeof removalMatcher> {
  switch (kind) {
    case 'key':
      return removalMatcher({ kind, veriKey: value });
    case 'policy':
    case 'signers':
      return removalMatcher({ kind, hash: value });
    case 'epoch':
      return removalMatcher({ kind, olderThan: value });
    case 'pattern':
      return removalMatcher({ kind, pattern: value, under });
    default:
      return () => false; // of a later release
  }
}
