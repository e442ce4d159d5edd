/**
 * How far a wait goes: not at all, until the rows are applied (`local` and `bestEffort` act alike, as in the seed), or until
 * no live instance can serve the old value (`cluster`).
 */
export type ConsistencyMode = 'noWait' | 'local' | 'bestEffort' | 'cluster';

/** How a wait ended. A timeout is an outcome, never an exception (REQ-004-45). */
export interface InvalidationWaitOutcome {
  readonly mode: ConsistencyMode;
  readonly satisfied: boolean;
  /** The caller cannot count on the invalidation: out of time, or a row is dead. */
  readonly degraded: boolean;
  readonly timedOut: boolean;
  /** Pending rows still seen when the wait ended. */
  readonly pending: number;
  readonly elapsedMs: number;
}

/** Totals of the waits that came to an outcome. */
export interface InvalidationWaitDiagnostics {
  readonly waits: number;
  readonly satisfied: number;
  readonly timedOut: number;
  readonly degraded: number;
}
