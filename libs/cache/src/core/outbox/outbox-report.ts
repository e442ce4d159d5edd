/** Result of one iteration. What was claimed and is in none of the others was given back or taken over. */
export interface OutboxPublishReport {
  readonly claimed: number;
  readonly published: number;
  /** Returned to pending with backoff. */
  readonly retried: number;
  readonly deadLettered: number;
}

/** Totals of the completed iterations of one worker since it was made. */
export interface OutboxWorkerDiagnostics extends OutboxPublishReport {
  readonly iterations: number;
}
