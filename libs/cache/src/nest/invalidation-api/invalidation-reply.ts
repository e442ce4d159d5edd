import type { Findings } from './entry-survey.js';
import type { InvalidationOrder } from './invalidation-order.js';

/** What came of an order, as the audit row remembers it. */
export interface Outcome {
  readonly pattern: string;
  /** The keys of the order, or the first of the matched ones. */
  readonly keys: readonly string[];
  readonly keyCount: number | null;
  readonly requestId: string;
  readonly timestampMs: number;
}

/** What `POST /invalidate/key` and `/pattern` answer. Names as on the wire (REQ-003-08, 11). */
export type InvalidationReply = {
  readonly success: true;
  readonly invalidated_count: number;
  readonly request_id: string;
  /** ISO 8601, UTC. */
  readonly published_at: string;
  /** `false`: applied, but the audit could not be written; a repetition would be carried out again. */
  readonly was_logged?: false;
} & ({ readonly keys: readonly string[] } | { readonly pattern: string; readonly matched_keys: readonly string[] });

/** What a dry run answers: what would leave this instance's memory and the shared tier. Nothing was changed. */
export interface DryRunReply {
  readonly success: true;
  readonly dry_run: true;
  readonly keys?: readonly string[];
  readonly pattern?: string;
  /** Keys whose entries would be removed, in whichever tier. */
  readonly count: number;
  /** The first of their keys. */
  readonly sample: readonly string[];
  /** What their entries take, in all tiers together. */
  readonly bytes: number;
  /** Where was looked: this instance's memory, and the shared tier where it answers. */
  readonly tiers: readonly string[];
  /** Entries by tier. */
  readonly by_tier: Findings['byTier'];
  /** `false`: there was too much to look at, so the figures are the least there is. */
  readonly complete: boolean;
}

export function answerOf(kind: InvalidationOrder['kind'], outcome: Outcome): InvalidationReply {
  const { pattern, keys, keyCount, requestId, timestampMs } = outcome;
  const count = keyCount ?? keys.length;
  const published_at = new Date(timestampMs).toISOString();
  return kind === 'key'
    ? { success: true, invalidated_count: count, keys, request_id: requestId, published_at }
    : { success: true, pattern, matched_keys: keys, invalidated_count: count, request_id: requestId, published_at };
}

export function dryRunOf(order: InvalidationOrder, findings: Findings): DryRunReply {
  const { count, keys: sample, bytes, byTier, complete } = findings;
  const subject = order.kind === 'key' ? { keys: order.keys } : { pattern: order.pattern };
  const tiers = Object.keys(byTier);
  return { success: true, dry_run: true, ...subject, count, sample, bytes, tiers, by_tier: byTier, complete };
}
