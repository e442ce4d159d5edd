/** Backlog of one namespace; read-only. */
export interface OutboxStatus {
  /** Pending rows, claimed ones included. */
  readonly pending: number;
  /** Age of the oldest pending row by its creation, ms; 0 when there is none. */
  readonly oldestPendingAgeMs: number;
  readonly deadLettered: number;
  /** Unix ms; `null` when nothing was published yet. */
  readonly lastPublishedAtMs: number | null;
  /** Sum of failed attempts over the rows of every state. */
  readonly failedAttempts: number;
}

/** The rows of one commit: what a receipt waits for. */
export interface CommitStatus {
  /** Rows found, whatever their state. Fewer than were enqueued: not committed yet, rolled back, or already pruned. */
  readonly rows: number;
  readonly pending: number;
  readonly published: number;
  readonly deadLettered: number;
  /** The latest log position among the published rows, by text order; `null` where none is recorded. */
  readonly appliedPosition: string | null;
}
