import {
  Inject,
  Injectable,
  Optional,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { lastValueFrom, of, type Observable } from 'rxjs';
import { CacheRuntime } from '../cache-runtime.js';
import { cachedAnswer, isKnown, type CachedAnswer } from './cached-answer.js';
import type { CachedRoute } from './cached-route.js';
import { HttpCacheRoutes } from './http-cache-routes.js';
import { headerOf, type HttpRequest, type HttpResponse } from './http-request.js';

/** Requests that an interceptor has taken in hand; a second one, inside the first, would wait for itself. */
const taken = new WeakSet<HttpRequest>();

/**
 * The read road for controllers, with knowledge of HTTP. `@CachedResponse()` brings it along; name it in
 * `@UseInterceptors()` only to say where among other interceptors it stands: what those before it do is done for every
 * request, what those behind it do is cached with the answer.
 */
@Injectable()
export class HttpCacheInterceptor implements NestInterceptor {
  constructor(
    @Optional() @Inject(HttpCacheRoutes) private readonly routes: HttpCacheRoutes | undefined,
    @Optional() @Inject(CacheRuntime) private readonly runtime: CacheRuntime | undefined,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  /** Errors of the handler pass unchanged. */
  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const route = this.routes?.find(context.getClass(), context.getHandler());
    if (route === undefined || context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    if (taken.has(request)) return next.handle();
    taken.add(request);
    const key = this.keyOf(route, request);
    if (key === null) return next.handle();

    const response = http.getResponse<HttpResponse>();
    let own: { readonly body: unknown } | null = null;
    const load = async (): Promise<CachedAnswer | null> => {
      const body: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
      own = { body };
      return this.mayBeRepeated(response) ? cachedAnswer(body) : null;
    };
    const answer = await this.read(route, key, request, load);
    // Another request's load found an answer that is nobody else's.
    if (answer === null && own === null) return next.handle();
    if (answer === null) return of(own!.body);
    return of(this.send(route, answer, request, response));
  }

  private read(
    route: CachedRoute,
    key: string,
    request: HttpRequest,
    load: () => Promise<CachedAnswer | null>,
  ): Promise<CachedAnswer | null> {
    const { policy, engine } = route;
    const { scope, action, tagsOf } = route.definition;
    return engine.read({
      key,
      scope,
      action,
      policy,
      counters: engine.counters.of(scope, action),
      load,
      tagsOf: (answer) => tagsOf((answer as CachedAnswer).body, request),
      unless: (answer) => answer === null,
      onInstalled: null,
    }) as Promise<CachedAnswer | null>;
  }

  /** `null`: the request goes past the cache. */
  private keyOf(route: CachedRoute, request: HttpRequest): string | null {
    const { scope, action } = route.definition;
    const { events, counters } = route.engine;
    let key: string | null = null;
    try {
      key = route.on ? route.keyOf(request) : null;
      if (key === null && route.on) this.warnOnce(route);
    } catch (error) {
      events.emit('trouble', { operation: 'key', scope, action, error });
    }
    if (key === null) counters.of(scope, action).count('bypassed', 'source');
    if (key === null && events.has('read'))
      events.emit('read', { scope, action, key: '', outcome: 'bypassed', tier: 'source', ttlMs: 0 });
    return key;
  }

  private warnOnce(route: CachedRoute): void {
    if (route.warned) return;
    route.warned = true;
    const { where, identityHeaders } = route.definition;
    this.runtime!.logger.warn(
      `Answers of ${where} are not cached for requests that tell who asks (${identityHeaders.join(', ')}; reported once). Name the asker, e.g. \`vary: (request) => [request.user.id]\`, or say \`public: true\` where everybody may see the answer.`,
    );
  }

  /** Judged when the handler has run. Where grace has answered meanwhile, the response tells nothing of this load. */
  private mayBeRepeated(response: HttpResponse): boolean {
    const { httpAdapter } = this.host;
    if (httpAdapter.isHeadersSent(response)) return true;
    const noStore = /(?:^|[\s,])no-store(?:$|[\s,;])/i.test(
      String(httpAdapter.getHeader(response, 'Cache-Control') ?? ''),
    );
    return response.statusCode === 200 && !noStore && httpAdapter.getHeader(response, 'Set-Cookie') === undefined;
  }

  /** Sets the headers; the body to send, or nothing to who has it already. */
  private send(route: CachedRoute, answer: CachedAnswer, request: HttpRequest, response: HttpResponse): unknown {
    const { httpAdapter } = this.host;
    const present = (name: string): unknown => httpAdapter.getHeader(response, name);
    httpAdapter.setHeader(response, 'ETag', answer.etag);
    if (present('Cache-Control') === undefined) httpAdapter.setHeader(response, 'Cache-Control', route.cacheControl);
    const vary = withNames(present('Vary'), route.varyNames);
    if (vary !== '') httpAdapter.setHeader(response, 'Vary', vary);
    if (!isKnown(headerOf(request, 'if-none-match'), answer.etag)) return answer.body;
    httpAdapter.status(response, 304);
    return undefined;
  }
}

/** A `Vary` header with names added that it does not hold yet. */
function withNames(before: unknown, names: readonly string[]): string {
  const known = typeof before === 'string' || Array.isArray(before) ? [before].flat().join(', ') : '';
  const lower = known.toLowerCase().split(/\s*,\s*/);
  const missing = lower.includes('*') ? [] : names.filter((name) => !lower.includes(name));
  return [...(known === '' ? [] : [known]), ...missing].join(', ');
}
