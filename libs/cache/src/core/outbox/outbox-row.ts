import type { CommitPosition } from './commit-position.js';
import type { OutboxIntent } from './outbox-intent.js';
import type { OutboxState } from './outbox-state.js';

/** One durable intent. Times are Unix milliseconds of the store's own clock. */
export interface OutboxRow {
  /** Derived from namespace, commit position and target: see `outboxRowId`. */
  readonly id: string;
  readonly namespace: string;
  readonly commitPosition: CommitPosition;
  /** SHA-256 of the normalised target, hex. */
  readonly targetHash: string;
  readonly intent: OutboxIntent;
  /** Why the write invalidates, for operators. */
  readonly reason: string;
  readonly createdAtMs: number;
  /** Earliest claim. */
  readonly availableAtMs: number;
  readonly claimedAtMs: number | null;
  readonly claimOwner: string | null;
  readonly publishedAtMs: number | null;
  /** Failed attempts; kept when the row is published. */
  readonly attempts: number;
  readonly state: OutboxState;
  readonly lastError: string | null;
  /**
   * Fence of the claim: raised by every claim, presented by whoever marks the row. It keeps a worker that was paused past
   * its lease from re-opening or killing a row that another one has taken over.
   */
  readonly claimSeq: number;
  /** Where the intent stands in the invalidation log, once published; `null` where the applier reports no position. */
  readonly appliedPosition: string | null;
}

/** A claim as presented to the store: the row and the fence it was claimed with. */
export type RowClaim = Pick<OutboxRow, 'id' | 'claimSeq'>;

/** A row named by its claim (fenced, what workers do) or by its id alone (any row not yet published, what operators do). */
export type RowReference = RowClaim | string;
