import { Inject, Injectable, type Type } from '@nestjs/common';
import { HOST_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner } from '@nestjs/core';
import { durationToMs } from '../../core/clock/duration.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import { scopeTag } from '../../core/invalidation/tags.js';
import { assertName, defaultScopeName } from '../../core/keys/names.js';
import { CacheRegistry } from '../cache-registry.js';
import { CacheRuntime } from '../cache-runtime.js';
import { resolvePolicy } from '../cache.options.js';
import { policyLevels } from '../policy-levels.js';
import { scopeDeclarationOf } from '../decorators/cache-scope.decorator.js';
import { resultTags } from '../interception/result-tags.js';
import {
  CACHED_RESPONSE_DEFAULTS,
  cachedResponseOf,
  type CachedResponseOptions,
  type Vary,
} from './cached-response.options.js';
import { CachedRoute } from './cached-route.js';
import { headerNames, resolveHttpCacheOptions } from './http-cache.options.js';
import { whyUncacheable } from './uncacheable-handler.js';

/** The cached routes of the application; made at boot, so that one that cannot work stops it. */
@Injectable()
export class HttpCacheRoutes {
  private readonly identityHeaders: readonly string[];
  private readonly scanner = new MetadataScanner();
  private readonly routes = new Map<Type, Map<unknown, CachedRoute>>();

  constructor(
    @Inject(CacheRuntime) private readonly runtime: CacheRuntime,
    @Inject(CacheRegistry) private readonly registry: CacheRegistry,
  ) {
    ({ identityHeaders: this.identityHeaders } = resolveHttpCacheOptions(runtime.options.http));
  }

  /** The cached route of a handler; `undefined` where it is not cached, or switched off. */
  find(controller: Type, handler: unknown): CachedRoute | undefined {
    return this.routes.get(controller)?.get(handler);
  }

  /** Compiles the cached routes of a controller. @throws CacheError naming class, method and cure */
  explore(controller: Type): void {
    const prototype = controller.prototype as Record<string, object>;
    for (const property of this.scanner.getAllMethodNames(prototype)) {
      const handler = prototype[property]!;
      const options = cachedResponseOf(handler);
      if (options !== undefined) this.add(controller, property, handler, options);
    }
  }

  private add(controller: Type, property: string, handler: object, options: CachedResponseOptions): void {
    const where = `${controller.name}.${property}`;
    const reason = whyUncacheable(controller, property, handler);
    if (reason !== null) {
      throw new CacheError(
        'LARDER_DECORATOR_TARGET',
        `Expected @CachedResponse() on a handler whose answers can be repeated, but ${where} ${reason}.`,
      );
    }
    const declared = scopeDeclarationOf(controller);
    const scope = options.scope ?? declared?.name ?? defaultScopeName(controller.name.replace(/(?<=.)Controller$/, ''));
    assertName('scope', scope);
    const action = `GET.${options.name ?? property}`;
    assertName('action', action);
    const levels = policyLevels(this.runtime.options, scope, action, { method: options, scope: declared });
    const { enabled, policy, backend, warnings } = resolvePolicy(levels, where);
    this.runtime.backends.assertKnown(backend, where);
    for (const warning of warnings) this.runtime.logger.warn(warning);
    const engine = enabled ? this.runtime.backends.engineOf(backend, where) : this.runtime.main.engine;
    const route = new CachedRoute(engine, {
      scope,
      action,
      where,
      policy,
      public: options.public ?? CACHED_RESPONSE_DEFAULTS.public,
      vary: varyOf(options.vary, where),
      maxAgeSeconds: Math.floor(
        durationToMs(options.maxAge ?? CACHED_RESPONSE_DEFAULTS.maxAge, `maxAge\` of \`${where}`) / 1000,
      ),
      identityHeaders: this.identityHeaders,
      byHost: Reflect.getMetadata(HOST_METADATA, controller) !== undefined,
      tagsOf: tagsBuilder(scope, options),
    });
    this.assertUnique(scope, action, where);
    this.registry.declare(scope, action);
    if (!enabled) return;
    this.registry.add({ scope, action, where, backend: backend ?? this.runtime.main.name });
    this.runtime.switches.register(scope, action, policy, route);
    const known = this.routes.get(controller) ?? new Map<unknown, CachedRoute>();
    this.routes.set(controller, known.set(handler, route));
  }

  /** Two handlers of one name would share keys where a header decides between them, as with versions. */
  private assertUnique(scope: string, action: string, where: string): void {
    const other = this.registry.actionsOf(scope).find((known) => known.action === action && known.where !== where);
    if (other === undefined) return;
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected names of cached routes of one scope to differ, got \`${action}\` of scope \`${scope}\` at ${other.where} and ${where}. Give one of them another \`name\`.`,
    );
  }
}

function tagsBuilder(scope: string, options: CachedResponseOptions): CachedRoute['definition']['tagsOf'] {
  const tags = resultTags([scopeTag(scope)], options);
  return (body, request) => tags(body, [request]);
}

function varyOf(vary: unknown, where: string): Vary | null {
  if (vary === undefined) return null;
  if (typeof vary === 'function') return vary as Vary;
  if (Array.isArray(vary)) return headerNames(vary, `vary\` of \`${where}`);
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`vary\` of ${where} to be header names or a function, got ${describeInput(vary)}. Write e.g. ['accept-language'], or (request) => [request.user.id].`,
  );
}
