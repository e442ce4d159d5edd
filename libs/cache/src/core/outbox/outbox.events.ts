import type { OutboxRow } from './outbox-row.js';
import type { InvalidationWaitOutcome } from './wait-outcome.js';
import type { OutboxPublishReport } from './outbox-report.js';

/** What the outbox announces; metrics, health and logs listen. */
export interface OutboxEvents {
  /** One iteration came to its end. */
  drained: { readonly namespace: string; readonly report: OutboxPublishReport; readonly elapsedMs: number };
  /** Rows were applied and marked; `lagMs` is the time from the row's creation by this host's wall clock. */
  published: { readonly rows: readonly OutboxRow[]; readonly lagMs: number };
  /** A row failed and will be tried again. */
  retried: { readonly row: OutboxRow; readonly error: string };
  /** A row is dead: nobody applies it until an operator resets it. */
  dead: { readonly row: OutboxRow; readonly error: string };
  /** Infrastructure failed: the rows were given back and nothing was counted. */
  released: { readonly rows: readonly OutboxRow[]; readonly error: string };
  /** The background loop could not drain; it goes on after a pause. */
  failed: { readonly namespace: string; readonly error: unknown; readonly pauseMs: number };
  /** A read-after-write wait ended. */
  waited: InvalidationWaitOutcome;
}
