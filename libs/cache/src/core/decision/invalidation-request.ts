import { CacheError, describeInput } from '../errors/cache-error.js';
import { compilePattern } from '../keys/key-pattern.js';
import { assertFeedEpoch, assertPolicyHash, assertSignerSetHash } from './decision-entry.js';

/** What an invalidation goes by. */
export enum InvalidationType {
  /** Entries decided under this policy: equality. */
  PolicyHash,
  /** Entries decided for these signers: equality. */
  SignerSetHash,
  /** Entries from an older feed epoch, strictly: the epoch itself stays. */
  FeedEpochOlderThan,
  /** Entries whose VeriKey matches a pattern. */
  Pattern,
  /** Entries that have expired. */
  Expired,
}

/** A wish to invalidate by a criterion. */
export interface InvalidationRequest {
  readonly type: InvalidationType;
  /** What to match; any text for `Expired`, which looks at nothing. */
  readonly value: string;
  /** For the audit: why. */
  readonly reason?: string;
  /** For the audit: who. */
  readonly actor?: string;
}

/**
 * The criteria with a reason of their own, for which `null` stands too; an empty reason is one that was given. Who asks is
 * set by who knows it: `{ ...InvalidationRequest.byPolicyHash(hash), actor: 'ann' }`.
 */
export const InvalidationRequest = {
  /** @param reason @default 'policy-update' */
  byPolicyHash: (policyHash: string, reason?: string | null): InvalidationRequest =>
    requestOf(InvalidationType.PolicyHash, policyHash, reason ?? 'policy-update'),

  /** @param reason @default 'signer-revocation' */
  bySignerSetHash: (signerSetHash: string, reason?: string | null): InvalidationRequest =>
    requestOf(InvalidationType.SignerSetHash, signerSetHash, reason ?? 'signer-revocation'),

  /** @param reason @default 'feed-update' */
  byFeedEpochOlderThan: (feedEpoch: string, reason?: string | null): InvalidationRequest =>
    requestOf(InvalidationType.FeedEpochOlderThan, feedEpoch, reason ?? 'feed-update'),

  /** @param reason @default 'pattern-invalidation' */
  byPattern: (pattern: string, reason?: string | null): InvalidationRequest =>
    requestOf(InvalidationType.Pattern, pattern, reason ?? 'pattern-invalidation'),
} as const;

/** What an invalidation did. */
export interface InvalidationResult {
  /** Distinct entries that were removed; repeating the request finds none. */
  readonly entriesAffected: number;
  /** The request that was carried out. */
  readonly request: InvalidationRequest;
  readonly timestamp: Date;
  /** True only where its record stands in the audit; the invalidation stands in any case. */
  readonly wasLogged: boolean;
}

/**
 * Checks a request.
 *
 * @throws CacheError `LARDER_DECISION_INVALID`, `LARDER_PATTERN_INVALID`, `LARDER_PATTERN_TOO_LONG`
 */
export function assertInvalidationRequest(request: InvalidationRequest): void {
  const { type, value } = request;
  switch (type) {
    case InvalidationType.PolicyHash:
      return assertPolicyHash(value);
    case InvalidationType.SignerSetHash:
      return assertSignerSetHash(value);
    case InvalidationType.FeedEpochOlderThan:
      return assertFeedEpoch(value);
    case InvalidationType.Pattern:
      return void compilePattern(value);
    case InvalidationType.Expired:
      return;
    default:
      throw new CacheError(
        'LARDER_DECISION_INVALID',
        `Expected \`type\` of an invalidation request to be an InvalidationType, got ${describeInput(type)}. Use a factory such as \`InvalidationRequest.byPolicyHash(hash)\`.`,
      );
  }
}

function requestOf(type: InvalidationType, value: string, reason: string): InvalidationRequest {
  return Object.freeze({ type, value, reason });
}
