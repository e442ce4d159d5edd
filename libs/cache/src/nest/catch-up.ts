import type { InvalidationLog } from '../core/coherence/invalidation-log.port.js';

/** How long a read waits until this instance has come as far as a position, ms. */
const CATCH_UP_MS = 50;

/** Resolves `true` once this instance reflects the invalidation that returned the position; `false` where it does not in time. */
export function caughtUp(log: InvalidationLog, position: string): Promise<boolean> {
  return log.waitApplied(position, CATCH_UP_MS);
}
