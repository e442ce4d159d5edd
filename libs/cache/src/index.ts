export { CacheModule, CACHE_OPTIONS } from './nest/cache.module.js';
export type { CacheModuleAsyncOptions, CacheOptionsFactory } from './nest/cache.module.js';
export type { CacheModuleOptions, ServiceCacheOptions } from './nest/cache.options.js';
export { Cached, CachedMany } from './nest/decorators/cached.decorator.js';
export { Invalidates, InvalidateOn } from './nest/decorators/invalidates.decorator.js';
export { CacheScope } from './nest/decorators/cache-scope.decorator.js';
export type {
  CachedManyOptions,
  CachedOptions,
  CachePolicyOptions,
  EntityRef,
  InvalidatesOptions,
} from './nest/decorators/decorator.options.js';
export { CacheService } from './nest/cache.service.js';
export type { EntryOptions, KeyExplanation } from './nest/cache.service.js';
export { CacheHealth } from './nest/cache-health.js';
export type { CacheHealthReport } from './nest/cache-health.js';
export { CacheActions } from './nest/cache-actions.js';
export type { ScopeActions } from './nest/cache-actions.js';
export { CacheEvents } from './nest/events/cache-events.js';
export type { EventMapping } from './nest/events/event-mapping.js';
export type { AdminOptions } from './nest/admin/admin.options.js';
export type { CacheFeatureOptions } from './nest/admin/admin-routes.module.js';

export { memory, MemoryTier } from './adapters/memory/memory.js';
export type { MemoryOptions } from './core/engine/l1.options.js';

export { InvalidationIntent } from './core/invalidation/intent.js';
export { collectionTag, entityTag } from './core/invalidation/tags.js';
export type { InvalidateOptions, InvalidationResult } from './core/invalidation/invalidation-service.js';

export { CacheBackend } from './core/coherence/cache-backend.port.js';
export { InvalidationLog } from './core/coherence/invalidation-log.port.js';
export { SharedTier } from './core/coherence/shared-tier.port.js';
export { Clock } from './core/clock/clock.port.js';
export type { Duration } from './core/clock/duration.js';
export { CacheError } from './core/errors/cache-error.js';
export { CACHE_ERROR_CODES } from './core/errors/error-codes.js';
export type { CacheErrorCode } from './core/errors/error-codes.js';
