import { DhtSharedTier } from './dht-shared-tier.js';
import type { DhtOptions } from './dht.options.js';

/**
 * The instances of an application as a cache of their own, without any server: each is a node of a libp2p network that holds a
 * share of the values. Eventual: see `docs/dht.md` for what that is and is not. Nothing is connected before the application
 * starts.
 *
 * @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID`
 */
export function dht(options: DhtOptions): DhtSharedTier {
  return new DhtSharedTier(options);
}
