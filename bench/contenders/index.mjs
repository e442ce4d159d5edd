// Every contender caches `load(id)` behind a function of one number; hits are measured, so the loader hardly matters.
import { asyncMap } from './async-map.mjs';
import { bentocache } from './bentocache.mjs';
import { cacheManager } from './cache-manager.mjs';
import { cacheable } from './cacheable.mjs';
import { larder } from './larder.mjs';
import { lruCache } from './lru-cache.mjs';
import { typeCacheable } from './type-cacheable.mjs';

export const CONTENDERS = [asyncMap, larder, lruCache, cacheManager, bentocache, cacheable, typeCacheable];
