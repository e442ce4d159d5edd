import type { Clock } from '../../core/clock/clock.port.js';
import { TurnSlices } from '../../core/clock/turn-slices.js';
import type { KeyPattern } from '../../core/keys/key-pattern.js';

/** The keys that match, in their order, in slices that let other requests in between (REQ-003-02, 07). */
export async function matchKeys(pattern: KeyPattern, keys: readonly string[], clock: Clock): Promise<string[]> {
  const matched: string[] = [];
  const slices = new TurnSlices(clock);
  for (const key of keys) {
    if (pattern.test(key)) matched.push(key);
    if (slices.spent) await slices.next();
  }
  return matched;
}
