import type { SharedTier } from '../../core/coherence/shared-tier.port.js';
import { RedisSharedTier } from './redis-shared-tier.js';
import type { RedisTierOptions } from './redis.options.js';

/**
 * Redis, Valkey, Sentinel or Redis Cluster as the shared tier of a cache: `backend: redis({ url: process.env.REDIS_URL })`.
 * Nothing is connected before the application starts. See `docs/redis.md`.
 *
 * @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID`
 */
export function redis(options: RedisTierOptions): SharedTier {
  return new RedisSharedTier(options);
}
