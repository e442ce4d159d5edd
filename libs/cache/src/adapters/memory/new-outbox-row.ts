import type { CommitPosition } from '../../core/outbox/commit-position.js';
import { outboxRowId } from '../../core/outbox/outbox-row-id.js';
import type { OutboxRow } from '../../core/outbox/outbox-row.js';
import { OutboxState } from '../../core/outbox/outbox-state.js';

/** A row as it enters the outbox: pending, due at once and untouched. */
export function newOutboxRow(
  namespace: string,
  commitPosition: CommitPosition,
  intent: OutboxRow['intent'],
  reason: string,
  now: number,
): OutboxRow {
  const targetHash = intent.targetHashHex();
  return {
    id: outboxRowId(namespace, commitPosition.asStr(), targetHash),
    namespace,
    commitPosition,
    targetHash,
    intent,
    reason,
    createdAtMs: now,
    availableAtMs: now,
    claimedAtMs: null,
    claimOwner: null,
    publishedAtMs: null,
    attempts: 0,
    state: OutboxState.Pending,
    lastError: null,
    claimSeq: 0,
    appliedPosition: null,
  };
}
