import type { Invalidation } from '../coherence/invalidation.js';

/**
 * Entries that outlive the shared tier, in a database: what is filled from there counts as read from the source. So an
 * invalidation removes them *before* it is written to the log, or the shared tier would be filled with them again
 * (coherence page, 2.9).
 */
export interface DurableEntries {
  /**
   * Removes what the invalidation names, and refuses from then on what was begun before it. Idempotent: it is repeated when
   * the log then fails.
   *
   * @returns how many entries went
   */
  remove(invalidation: Invalidation): Promise<number>;
}
