import type { Era } from './position.js';

/** What an anchor holds for a namespace. */
export interface AnchoredHistory {
  readonly era: Era;
  /** How often it was raised or confirmed; tells whether anybody still follows it. */
  readonly confirmations: number;
}

/**
 * Says which history of a log counts, in a place that has one truth: the database of the data. A server that was cut off
 * and replaced does not know that it was; its clients ask here, and stop (coherence page, 2.8).
 *
 * Every rule is checked by the contract suite `describeHistoryAnchor` of `nestjs-larder/testing`.
 */
export abstract class HistoryAnchor {
  /** Prepares the place (schema). Called once before use. */
  abstract open(): Promise<void>;

  /** What stands now, also what another process has just raised; `null`: nothing yet. */
  abstract read(namespace: string): Promise<AnchoredHistory | null>;

  /**
   * Compare-and-set: `next` takes the place of `expected` if that still stands (`null`: if nothing does), in one step.
   * An `era` raised in its own place is confirmed. Each success counts one confirmation.
   *
   * @returns whether it was done
   */
  abstract raise(namespace: string, expected: Era | null, next: Era): Promise<boolean>;

  abstract close(): Promise<void>;
}
