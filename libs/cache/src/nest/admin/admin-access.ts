import { Inject, Injectable, type CanActivate, type OnModuleInit, type Type } from '@nestjs/common';
import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import { CacheError } from '../../core/errors/cache-error.js';
import { CacheRuntime } from '../cache-runtime.js';
import type { HttpRequest } from '../http/http-request.js';
import { resolveAdminPolicy, type AdminOptions, type AdminPolicy } from './admin.options.js';

/** Who may use the admin routes of which scope: what the module says, unless `forFeature` says otherwise. */
@Injectable()
export class AdminAccess implements OnModuleInit {
  private readonly policy: AdminPolicy;
  private readonly byScope = new Map<
    string,
    { readonly options: AdminOptions | false; readonly policy: AdminPolicy }
  >();
  private readonly made = new Map<Type<CanActivate>, CanActivate>();
  private warned = false;

  /** @throws CacheError `LARDER_OPTION_INVALID` */
  constructor(
    @Inject(CacheRuntime) private readonly runtime: CacheRuntime,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {
    this.policy = resolveAdminPolicy(runtime.options.admin, 'admin');
  }

  /** A guard that no module provides is made here, so that one whose dependencies are missing stops the boot. */
  async onModuleInit(): Promise<void> {
    const policies = [this.policy, ...[...this.byScope.values()].map(({ policy }) => policy)];
    for (const policy of policies) {
      if (policy.kind !== 'guard' || typeof policy.guard !== 'function') continue;
      const { guard } = policy;
      if (!this.made.has(guard) && !this.isProvided(guard)) this.made.set(guard, await this.modules.create(guard));
    }
  }

  /** @throws CacheError `LARDER_OPTION_INVALID`, also where something else was said of the scope before */
  define(scope: string, options: AdminOptions | false): void {
    const where = `admin of CacheModule.forFeature() for the scope ${scope}`;
    const known = this.byScope.get(scope);
    if (known !== undefined && known.options !== options) {
      throw new CacheError(
        'LARDER_OPTION_INVALID',
        `Expected \`${where}\` to be said once, got it twice. Say it in one place, or share the object.`,
      );
    }
    this.byScope.set(scope, { options, policy: resolveAdminPolicy(options, where) });
  }

  /** @param scope `null`: what concerns the whole namespace */
  policyOf(scope: string | null): AdminPolicy {
    return (scope === null ? undefined : this.byScope.get(scope)?.policy) ?? this.policy;
  }

  /** Who may do what to a scope; `undefined`: everybody with access may. */
  authorisationOf(scope: string | null): AdminOptions['canInvalidate'] {
    const own = scope === null ? undefined : this.byScope.get(scope)?.options;
    return (own || undefined)?.canInvalidate ?? (this.runtime.options.admin || undefined)?.canInvalidate;
  }

  /** The guard for a request: the application's provider, in the request's own context where it has one. */
  guardFor(guard: Type<CanActivate> | CanActivate, request: HttpRequest): CanActivate | Promise<CanActivate> {
    if (typeof guard !== 'function') return guard;
    const made = this.made.get(guard);
    return made ?? this.modules.resolve(guard, ContextIdFactory.getByRequest(request), { strict: false });
  }

  /** The first refusal is logged: who runs the application may not be who sent the request. */
  warnOnce(message: string): void {
    if (this.warned) return;
    this.warned = true;
    this.runtime.logger.warn(message);
  }

  private isProvided(guard: Type<CanActivate>): boolean {
    try {
      this.modules.introspect(guard);
      return true;
    } catch (error) {
      if (error instanceof Error && error.constructor.name === 'UnknownElementException') return false;
      throw error;
    }
  }
}
