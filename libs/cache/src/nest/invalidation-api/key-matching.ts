import type { Clock } from '../../core/clock/clock.port.js';
import type { KeyPattern } from '../../core/keys/key-pattern.js';

/** No turn of the event loop is held longer than this, ms. */
const TURN_BUDGET_MS = 4;

/** The keys that match, in their order, in slices that let other requests in between (REQ-003-02, 07). */
export async function matchKeys(pattern: KeyPattern, keys: readonly string[], clock: Clock): Promise<string[]> {
  const matched: string[] = [];
  let turnAt = clock.monotonic();
  for (const key of keys) {
    if (pattern.test(key)) matched.push(key);
    if (clock.monotonic() - turnAt < TURN_BUDGET_MS) continue;
    await clock.sleep(0);
    turnAt = clock.monotonic();
  }
  return matched;
}
