import type { Invalidation } from '../coherence/invalidation.js';
import { InvalidationIntent } from '../invalidation/intent.js';
import { scopeTag } from '../invalidation/tags.js';
import { compilePattern } from '../keys/key-pattern.js';
import type { DecisionFacets } from './decision-entry.js';
import { compareFeedEpochs } from './feed-epoch.js';
import { InvalidationType, type InvalidationRequest } from './invalidation-request.js';

/** What is to be removed. Expiry is none of it: what has expired goes by itself, and nothing has to be kept from coming back. */
export type DecisionRemoval =
  | { readonly kind: 'key'; readonly veriKey: string }
  | { readonly kind: 'policy'; readonly hash: string }
  | { readonly kind: 'signers'; readonly hash: string }
  | { readonly kind: 'epoch'; readonly olderThan: string }
  | PatternRemoval;

/** By the one matcher. */
export interface PatternRemoval {
  readonly kind: 'pattern';
  readonly pattern: string;
  /** What stands before each VeriKey where the pattern is one of full keys; `''` where it is one of VeriKeys. */
  readonly under: string;
}

/** `null` for `Expired`. */
export function removalOf({ type, value }: InvalidationRequest): DecisionRemoval | null {
  switch (type) {
    case InvalidationType.PolicyHash:
      return { kind: 'policy', hash: value };
    case InvalidationType.SignerSetHash:
      return { kind: 'signers', hash: value };
    case InvalidationType.FeedEpochOlderThan:
      return { kind: 'epoch', olderThan: value };
    case InvalidationType.Pattern:
      return { kind: 'pattern', pattern: value, under: '' };
    case InvalidationType.Expired:
      return null;
  }
}

/** Tells which decisions a removal hits. */
export function removalMatcher(removal: DecisionRemoval): (facets: DecisionFacets) => boolean {
  switch (removal.kind) {
    case 'key':
      return ({ veriKey }) => veriKey === removal.veriKey;
    case 'policy':
      return ({ policyHash }) => policyHash === removal.hash;
    case 'signers':
      return ({ signerSetHash }) => signerSetHash === removal.hash;
    case 'epoch':
      return ({ feedEpoch }) => compareFeedEpochs(feedEpoch, removal.olderThan) < 0;
    case 'pattern': {
      const matches = keyMatcher(removal);
      return ({ veriKey }) => matches(veriKey);
    }
  }
}

/** Tells which VeriKeys a pattern hits. */
export function keyMatcher({ pattern, under }: PatternRemoval): (veriKey: string) => boolean {
  const compiled = compilePattern(pattern);
  return (veriKey) => compiled.test(under + veriKey);
}

/** What every VeriKey that a pattern hits begins with; `null`: it can hit none. */
export function literalPrefixOf({ pattern, under }: PatternRemoval): string | null {
  const { literalPrefix, mode } = compilePattern(pattern);
  if (literalPrefix.startsWith(under)) return literalPrefix.slice(under.length);
  return mode !== 'exact' && under.startsWith(literalPrefix) ? '' : null;
}

const POLICY = 'decision-policy:';
const SIGNERS = 'decision-signers:';

/** What hangs an entry to its policy in the caches in front. */
export function policyTag(hash: string): string {
  return POLICY + hash;
}

/** What hangs an entry to its signers in the caches in front. */
export function signersTag(hash: string): string {
  return SIGNERS + hash;
}

/** All entries hang on it, for the caches in front know no order of epochs. */
export const ANY_EPOCH_TAG = 'decision-epochs';
/** No entry carries a tag of this kind: it tells the durable tier which epochs go. */
const OLDER_THAN = 'decision-epoch-older-than:';

/**
 * A removal as intents of the one removal road. A removal by epoch empties the caches in front: what is not older is read
 * again from the durable tier, and what had not reached it yet is decided again.
 */
export function intentsOf(
  removal: DecisionRemoval,
  scope: string,
  keyOf: (veriKey: string) => string,
): InvalidationIntent[] {
  switch (removal.kind) {
    case 'key':
      return [InvalidationIntent.key(keyOf(removal.veriKey))];
    case 'policy':
      return [InvalidationIntent.tag(policyTag(removal.hash))];
    case 'signers':
      return [InvalidationIntent.tag(signersTag(removal.hash))];
    case 'epoch':
      return [InvalidationIntent.tag(ANY_EPOCH_TAG), InvalidationIntent.tag(OLDER_THAN + removal.olderThan)];
    case 'pattern':
      return [InvalidationIntent.pattern(removal.pattern, removal.under === '' ? scope : null)];
  }
}

/**
 * What an invalidation of the road, whoever asked for it, means to the decisions of a scope: an outbox row, a retry, a
 * flush of the namespace or a clear by an operator reaches the durable tier as a removal made here does.
 *
 * @param under what stands before each VeriKey in full keys
 */
export function removalsOf(
  { keys, tags, patterns, flush }: Invalidation,
  scope: string,
  under: string,
): DecisionRemoval[] {
  const everything: DecisionRemoval = { kind: 'pattern', pattern: '*', under: '' };
  if (flush || tags.includes(scopeTag(scope))) return [everything];
  return [
    ...keys.flatMap((key): DecisionRemoval[] =>
      key.startsWith(under) && key !== under ? [{ kind: 'key', veriKey: key.slice(under.length) }] : [],
    ),
    ...tags.flatMap((tag): DecisionRemoval[] => {
      if (tag.startsWith(POLICY)) return [{ kind: 'policy', hash: tag.slice(POLICY.length) }];
      if (tag.startsWith(SIGNERS)) return [{ kind: 'signers', hash: tag.slice(SIGNERS.length) }];
      if (tag.startsWith(OLDER_THAN)) return [{ kind: 'epoch', olderThan: tag.slice(OLDER_THAN.length) }];
      return [];
    }),
    ...patterns
      .filter((target) => target.scope === null || target.scope === scope)
      .map(({ pattern, scope: of }): PatternRemoval => ({ kind: 'pattern', pattern, under: of === null ? under : '' }))
      .filter((removal) => literalPrefixOf(removal) !== null),
  ];
}

/** How the audit names a removal. */
export function describeRemoval(removal: DecisionRemoval, keyOf: (veriKey: string) => string): string {
  switch (removal.kind) {
    case 'key':
      return keyOf(removal.veriKey);
    case 'policy':
      return keyOf(`policyHash = ${removal.hash}`);
    case 'signers':
      return keyOf(`signerSetHash = ${removal.hash}`);
    case 'epoch':
      return keyOf(`feedEpoch < ${removal.olderThan}`);
    case 'pattern':
      return keyOf(removal.pattern);
  }
}
