export { dht } from './dht.factory.js';
export { DhtSharedTier } from './dht-shared-tier.js';
export type { DhtCounts } from './dht-counters.js';
export type { DhtOptions, PerNetwork } from './dht.options.js';
export { currentNetwork, runInNetwork } from './network-context.js';
