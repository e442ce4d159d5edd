import type { AuditRecord } from '../../core/audit/audit-record.js';
import type { DecisionEntry } from '../../core/decision/decision-entry.js';
import type { DecisionStatus } from '../../core/decision/decision-result.js';
import type { PastDecision } from '../../core/decision/decision-store.port.js';
import type { DecisionLookups } from './decision-lookups.js';
import type { DecisionTiers } from './decision-tiers.js';

/** Who invalidated a decision, and why. */
export interface DecisionInvalidation {
  readonly requestId: string;
  /** What was asked for, as the audit has it: `decision:policyHash = …`; the rest is `null` where the audit has no record. */
  readonly pattern: string | null;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly at: Date | null;
}

/** A decision that the key had before. */
export interface DecisionPredecessor {
  readonly policyHash: string;
  readonly signerSetHash: string;
  readonly feedEpoch: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** `null`: it was replaced, or it expired and was pruned. */
  readonly invalidation: DecisionInvalidation | null;
}

/** Why a key is answered as it is. */
export interface DecisionProvenance {
  readonly veriKey: string;
  readonly status: DecisionStatus;
  /** What answers now, with its policy, signers, epoch and input digests; `null`: nothing does. */
  readonly entry: DecisionEntry | null;
  readonly source: string | null;
  /** Newest first, at most 20, of the last 30 days. */
  readonly predecessors: readonly DecisionPredecessor[];
}

const PREDECESSORS = 20;

/** @throws what the store throws where it is away */
export async function provenanceOf(
  { store, guard, namespace, runtime, writer }: DecisionTiers,
  lookups: DecisionLookups,
  veriKey: string,
): Promise<DecisionProvenance> {
  await writer.flush();
  const { status, entry, source } = await lookups.get(veriKey);
  const past = await guard.ask(() => store.past(namespace, veriKey, PREDECESSORS + 1));
  const standing = entry === null ? null : past.find((each) => each.removedBy === null && sameInstant(each, entry));
  const before = past.filter((each) => each !== standing).slice(0, PREDECESSORS);
  const predecessors = await Promise.all(
    before.map(async ({ removedBy, policyHash, signerSetHash, feedEpoch, createdAt, expiresAt }) => ({
      policyHash,
      signerSetHash,
      feedEpoch,
      createdAt,
      expiresAt,
      invalidation: removedBy === null ? null : invalidationOf(removedBy, await runtime.audit.find(removedBy)),
    })),
  );
  return { veriKey, status, entry, source, predecessors };
}

function invalidationOf(requestId: string, record: AuditRecord | null): DecisionInvalidation {
  if (record === null) return { requestId, pattern: null, actor: null, reason: null, at: null };
  const { pattern, triggeredBy: actor, reason, timestampMs } = record;
  return { requestId, pattern, actor, reason, at: new Date(timestampMs) };
}

/** The newest of the past is what stands, unless it was removed; entries in front do not know their version. */
function sameInstant(past: PastDecision, entry: DecisionEntry): boolean {
  return (
    past.createdAt.getTime() === entry.createdAt.getTime() && past.expiresAt.getTime() === entry.expiresAt.getTime()
  );
}
