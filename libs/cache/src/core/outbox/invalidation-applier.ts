import type { OutboxRow } from './outbox-row.js';

/**
 * Applies claimed intents: for Larder, to the shared tier and the invalidation log. Applying is idempotent, since a crash
 * between applying and marking leads to a second application (REQ-004-32).
 */
export abstract class InvalidationApplier {
  /**
   * Applies one intent; when it resolves the invalidation holds.
   *
   * @returns its position in the log, where the applier has one
   * @throws anything: an infrastructure failure gives the claim back uncounted, any other error counts as a failed attempt
   */
  abstract applyInvalidation(intent: OutboxRow['intent'], row: OutboxRow): Promise<string | null | void>;

  /**
   * Applies several intents in one step, all or none; the worker prefers it and goes back to single intents when it fails,
   * so that one bad row cannot fail its neighbours.
   */
  applyBatch?(rows: readonly OutboxRow[]): Promise<string | null | void>;

  /** False while nothing could be applied (connection down, breaker open): the worker then does not claim at all. */
  available?(): boolean;
}
