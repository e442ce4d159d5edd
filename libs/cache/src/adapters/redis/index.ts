export { redis } from './redis.factory.js';
export { REDIS_TIER_DEFAULTS, type RedisPlace, type RedisTierOptions } from './redis.options.js';
