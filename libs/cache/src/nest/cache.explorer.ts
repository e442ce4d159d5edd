import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { CacheError } from '../core/errors/cache-error.js';
import { CacheRegistry } from './cache-registry.js';
import { CacheRuntime } from './cache-runtime.js';
import { bindDataSource } from './durability/bind-data-source.js';
import { hasDeclarations } from './decorators/method-declarations.js';
import { CacheEvents } from './events/cache-events.js';
import { listenToEventLibraries } from './events/event-sources.js';
import { HttpCacheRoutes } from './http/http-cache-routes.js';
import { bind, isBound, RuntimeHolder } from './interception/runtime-binding.js';
import { checkNames } from './option-names.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/**
 * Walks the application once at boot: compiles every decorated class, so that a decorator that cannot work stops the
 * boot with class, method and cure; binds instances that Nest did not construct itself; connects event sources; and says
 * in one line what is cached and where.
 */
@Injectable()
export class CacheExplorer implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  private stopListening: (() => void) | null = null;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly runtime: CacheRuntime,
    private readonly registry: CacheRegistry,
    private readonly events: CacheEvents,
    private readonly holder: RuntimeHolder,
    private readonly routes: HttpCacheRoutes,
  ) {}

  async onModuleInit(): Promise<void> {
    this.assertAlone();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) this.explore(wrapper);
    for (const { metatype } of this.discovery.getControllers()) this.routes.explore(metatype as Type);
    for (const warning of checkNames(this.runtime.options, this.registry)) this.runtime.logger.warn(warning);
    for (const facts of this.registry.methods()) this.events.rules.addMethod(facts);
    for (const mapping of this.runtime.options.events ?? [])
      this.events.rules.addMapping(mapping, this.registry.scopes());
    if (!this.events.rules.empty) this.stopListening = listenToEventLibraries(this.discovery, this.events);
    bindDataSource(this.discovery, [this.runtime.options.outbox, this.runtime.options.audit]);
    await this.runtime.open();
    this.runtime.logger.log(this.bootLine());
  }

  /** The worker stops while the database is still there; rows it leaves wait for the next worker. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.runtime.durable.worker?.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopListening?.();
    await this.runtime.close();
  }

  /** With two caches a method would be cached in one and, perhaps, invalidated in the other. */
  private assertAlone(): void {
    const runtimes = this.discovery.getProviders().filter(({ token }) => token === CacheRuntime);
    if (runtimes.length === 1) return;
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected CacheModule to be imported once in an application, got it ${runtimes.length} times with different options. Import it in the root module alone; it is global.`,
    );
  }

  private explore(wrapper: Wrapper): void {
    const prototype = prototypeOf(wrapper);
    if (prototype === null || !hasDeclarations(prototype)) return;
    const { compiler } = this.runtime;
    const model = compiler.modelOf(prototype);
    const binding = this.holder.bindingOf(prototype);
    for (const method of model.methods) {
      const compiled = binding.find(method.declaration);
      if (method.declaration.kind === 'invalidates') continue;
      this.registry.declare(model.scope, method.action);
      if (compiled !== null) this.registry.add(compiler.factsOf(model, method));
    }
    const { instance } = wrapper as { instance: object | undefined };
    if (instance !== undefined && instance !== null && !isBound(instance) && isMade(wrapper))
      bind(instance, this.holder);
  }

  private bootLine(): string {
    const { namespace, backends, main } = this.runtime;
    const scopes = this.registry.scopes().map(
      (scope) =>
        `${scope} (${this.registry
          .actionsOf(scope)
          .map(({ action, backend }) => (backend === main.name ? action : `${action} in ${backend}`))
          .join(', ')})`,
    );
    const what = scopes.length === 0 ? 'no cached methods' : scopes.join(', ');
    const where = backends.all().map(({ tiers }) => tiers.join(' → '));
    return `Caching namespace '${namespace}' in ${where.join(', ')}: ${what}`;
  }
}

/** The prototype that carries the decorators: of the class, or of what a factory made. */
function prototypeOf({ metatype, instance, inject }: Wrapper): object | null {
  const made = instance as object | null | undefined;
  if (typeof made === 'object' && made !== null && Object.getPrototypeOf(made) !== Object.prototype) {
    return Object.getPrototypeOf(made) as object | null;
  }
  // A factory's metatype is the factory function itself, which says nothing about what it makes.
  if (inject !== undefined && inject !== null) return null;
  return ((metatype as { prototype?: object } | null)?.prototype ?? null) as object | null;
}

/** True for an instance that exists: request-scoped and transient providers have a bare prototype object in its place. */
function isMade(wrapper: Wrapper): boolean {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
}
