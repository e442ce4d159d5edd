import type { ReadPolicy } from './read-policy.js';

/**
 * A cached action that operators can change while the application runs. While it is off its calls go past the cache, and
 * its entries stay: they are invalidated as ever, so that switching on again shows nothing older than that (G1).
 */
export interface Switchable {
  /** @param policy for what is stored from now on; what is stored already keeps its life */
  switch(on: boolean, policy: ReadPolicy): void;
}
