export { CacheConfig, loadCacheConfig } from './cache-config.js';
export type { DhtConfig } from './cache-config.js';
