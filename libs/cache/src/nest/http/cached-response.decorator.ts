import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import type { Duration } from '../../core/clock/duration.js';
import { HttpCacheInterceptor } from './http-cache.interceptor.js';
import { CACHED_RESPONSE, type CachedResponseOptions } from './cached-response.options.js';

/**
 * Caches the answers of a GET handler on every instance, by path, query and what `vary` names. Private by default: a
 * request that tells who asks goes past the cache unless `vary` names the asker or the answer is `public`. Answers with
 * `ETag`, `Cache-Control` and `Vary`, and 304 to who has the answer already.
 *
 * Only answers with status 200, without `Set-Cookie` and with a body that can be repeated are kept. Guards run before, on
 * every request. A handler that cannot be cached (it takes `@Res()`, redirects, renders, is no GET) stops the boot.
 *
 * @param options how long an answer is fresh (seconds, or text with a unit), or all options
 */
export function CachedResponse<Body = any>(options: Duration | CachedResponseOptions<Body> = {}): MethodDecorator {
  const given = typeof options === 'object' ? options : { ttl: options };
  return applyDecorators(SetMetadata(CACHED_RESPONSE, given), UseInterceptors(HttpCacheInterceptor));
}
