import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/** The option `http`: what holds for all answers cached by `@CachedResponse`. */
export interface HttpCacheOptions {
  /**
   * Request headers that may tell who asks. A request that has one goes past the cache, unless the route's `vary` names
   * it or the answer is `public`. @default ['authorization', 'cookie']
   */
  identityHeaders?: readonly string[];
}

export const HTTP_CACHE_DEFAULTS: Readonly<Required<HttpCacheOptions>> = Object.freeze({
  identityHeaders: ['authorization', 'cookie'],
});

/** @throws CacheError `LARDER_OPTION_INVALID` */
export function resolveHttpCacheOptions(options: HttpCacheOptions = {}): Readonly<Required<HttpCacheOptions>> {
  const { identityHeaders = HTTP_CACHE_DEFAULTS.identityHeaders } = options;
  return Object.freeze({ identityHeaders: headerNames(identityHeaders, 'http.identityHeaders') });
}

const TOKEN = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;

/**
 * Header names as requests carry them, in lower case.
 * @param where names the option in messages
 * @throws CacheError `LARDER_OPTION_INVALID`
 */
export function headerNames(names: unknown, where: string): readonly string[] {
  const lower = Array.isArray(names)
    ? names.map((name) => (typeof name === 'string' ? name.toLowerCase() : name))
    : null;
  if (lower !== null && lower.every((name): name is string => typeof name === 'string' && TOKEN.test(name)))
    return lower;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${where}\` to be a list of header names, got ${describeInput(names)}. Write e.g. ['accept-language'].`,
  );
}
