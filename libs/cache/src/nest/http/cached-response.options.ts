import type { Duration } from '../../core/clock/duration.js';
import type { CachePolicyOptions, EntityRef } from '../decorators/decorator.options.js';
import type { HttpRequest } from './http-request.js';

/** What makes answers of one path differ, besides the query: names of request headers, or a function of the request. */
export type Vary = readonly string[] | ((request: HttpRequest) => readonly unknown[]);

/** Options of `@CachedResponse`. */
export interface CachedResponseOptions<Body = any> extends CachePolicyOptions {
  /** The name in keys, after `GET.`. @default the handler's name */
  name?: string;
  /** Whose `cache/clear` removes the answers. @default the scope of the controller: `@CacheScope`, or its name less Controller */
  scope?: string;
  /**
   * What else the answer depends on: request headers by name, or a function whose values enter the key, e.g.
   * `(request) => [request.user.id]`. @default none
   */
  vary?: Vary;
  /** True: everybody may see the answer, whoever asked for it. @default false */
  public?: boolean;
  /**
   * How long browsers and proxies may repeat the answer without asking. No invalidation reaches them; with 0 they ask
   * each time and get a 304. @default 0
   */
  maxAge?: Duration;
  /** Tags of an answer: what invalidates it. @default none */
  tags?: readonly string[] | ((body: Body, request: HttpRequest) => readonly string[]);
  /** Entities an answer shows, e.g. `[['user', 42]]`. @default none */
  entities?: (body: Body, request: HttpRequest) => readonly EntityRef[];
  /** Collections an answer shows, e.g. `['users']`. @default none */
  collections?: readonly string[] | ((body: Body, request: HttpRequest) => readonly string[]);
}

export const CACHED_RESPONSE_DEFAULTS: Readonly<Required<Pick<CachedResponseOptions, 'public' | 'maxAge'>>> =
  Object.freeze({ public: false, maxAge: 0 });

/** The metadata key under which a handler carries its options. */
export const CACHED_RESPONSE = Symbol.for('nestjs-larder:cached-response');

export function cachedResponseOf(handler: object): CachedResponseOptions | undefined {
  return Reflect.getMetadata(CACHED_RESPONSE, handler) as CachedResponseOptions | undefined;
}
