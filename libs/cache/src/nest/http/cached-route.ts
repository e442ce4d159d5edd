import { createHash } from 'node:crypto';
import type { CacheEngine } from '../../core/engine/cache-engine.js';
import type { ReadPolicy } from '../../core/engine/read-policy.js';
import type { Switchable } from '../../core/engine/switchable.js';
import { fullKey, localKey } from '../../core/keys/local-key.js';
import type { Vary } from './cached-response.options.js';
import { headerOf, pathOf, type HttpRequest } from './http-request.js';

/** What is decided about a cached route at boot. */
export interface CachedRouteDefinition {
  readonly scope: string;
  readonly action: string;
  /** `Class.method`, for messages. */
  readonly where: string;
  readonly policy: ReadPolicy;
  readonly public: boolean;
  readonly vary: Vary | null;
  readonly maxAgeSeconds: number;
  readonly identityHeaders: readonly string[];
  /** True where the controller is chosen by host, so that one path has many meanings. */
  readonly byHost: boolean;
  readonly tagsOf: (body: unknown, request: HttpRequest) => readonly string[];
}

/** One route whose answers are cached: who may share an answer, and under which key. */
export class CachedRoute implements Switchable {
  /** False: operators have switched it off, and requests go past the cache. */
  on = true;
  /** How answers are kept from now on. */
  policy: ReadPolicy;
  /** True once a request went past the cache because of who asked. */
  warned = false;
  readonly cacheControl: string;
  /** Names for the `Vary` header; empty where the answer depends on no header. */
  readonly varyNames: readonly string[];

  constructor(
    /** What keeps the answers. */
    readonly engine: CacheEngine,
    readonly definition: CachedRouteDefinition,
  ) {
    this.policy = definition.policy;
    const { maxAgeSeconds, vary, identityHeaders } = definition;
    const reach = definition.public ? 'public' : 'private';
    this.cacheControl =
      maxAgeSeconds > 0 ? `${reach}, max-age=${maxAgeSeconds}` : `${reach}, max-age=0, must-revalidate`;
    const named = typeof vary === 'function' || vary === null ? [] : vary;
    this.varyNames = [...new Set(definition.public ? named : [...identityHeaders, ...named])];
  }

  switch(on: boolean, policy: ReadPolicy): void {
    this.on = on;
    this.policy = policy;
  }

  /**
   * The key of the answer to a request; `null` where the request tells who asks and nothing says that the answer is for
   * that asker, or for all.
   *
   * @throws what `vary` throws; CacheError `LARDER_KEY_UNSUPPORTED` for values that make no key
   */
  keyOf(request: HttpRequest): string | null {
    const { scope, action, vary, byHost } = this.definition;
    const values = vary === null ? [] : typeof vary === 'function' ? vary(request) : this.headersOf(request, vary);
    if (!this.definition.public && !this.belongsToAsker(request, values)) return null;
    const path = byHost ? `//${headerOf(request, 'host') ?? ''}${pathOf(request)}` : pathOf(request);
    const query = { ...(request.query as object | undefined) };
    const parts = vary !== null ? [path, query, values] : Object.keys(query).length > 0 ? [path, query] : [path];
    return fullKey(scope, localKey(action, parts));
  }

  /** True for a request of nobody in particular, and where the key holds everything that tells who asks. */
  private belongsToAsker(request: HttpRequest, values: readonly unknown[]): boolean {
    const { vary, identityHeaders } = this.definition;
    const told = identityHeaders.filter((name) => request.headers[name] !== undefined);
    const known = request.user !== undefined && request.user !== null;
    if (told.length === 0 && !known) return true;
    if (typeof vary === 'function')
      return values.length > 0 && values.every((value) => value !== undefined && value !== null);
    return vary !== null && told.length > 0 && told.every((name) => vary.includes(name));
  }

  private headersOf(request: HttpRequest, names: readonly string[]): unknown[] {
    return names.map((name) => {
      const value = headerOf(request, name);
      // Keys are shown to administrators and in logs; credentials are not.
      return value !== undefined && this.definition.identityHeaders.includes(name) ? digest(value) : (value ?? null);
    });
  }
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
