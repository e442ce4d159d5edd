import { Module, type DynamicModule, type FactoryProvider, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { AdminAccess } from './admin/admin-access.js';
import { AdminCommands } from './admin/admin-commands.js';
import { adminController } from './admin/admin.controller.js';
import { adminRoutesOf, type CacheFeatureOptions } from './admin/admin-routes.module.js';
import { CacheActions } from './cache-actions.js';
import { CacheExplorer } from './cache.explorer.js';
import type { CacheModuleOptions } from './cache.options.js';
import { CacheInvalidations } from './durability/cache-invalidations.js';
import { CacheHealth } from './cache-health.js';
import { CacheRegistry } from './cache-registry.js';
import { CacheRuntime } from './cache-runtime.js';
import { CacheService } from './cache.service.js';
import { CacheEvents } from './events/cache-events.js';
import { CacheStatusModule } from './http/cache-status.module.js';
import { HttpCacheRoutes } from './http/http-cache-routes.js';
import { RUNTIME_HOLDER, RuntimeHolder } from './interception/runtime-binding.js';

/** The injection token of the module's options. */
export const CACHE_OPTIONS = Symbol.for('nestjs-larder:options');

/** Makes options; for `useClass` and `useExisting`. */
export interface CacheOptionsFactory {
  createCacheOptions(): CacheModuleOptions | Promise<CacheModuleOptions>;
}

/** Options that need other providers. */
export interface CacheModuleAsyncOptions {
  imports?: DynamicModule['imports'];
  inject?: FactoryProvider['inject'];
  useFactory?: (...injected: any[]) => CacheModuleOptions | Promise<CacheModuleOptions>;
  useClass?: Type<CacheOptionsFactory>;
  useExisting?: Type<CacheOptionsFactory>;
}

const PROVIDERS: readonly Provider[] = [
  RuntimeHolder,
  { provide: RUNTIME_HOLDER, useExisting: RuntimeHolder },
  {
    provide: CacheRuntime,
    useFactory: (options: CacheModuleOptions, holder: RuntimeHolder) => new CacheRuntime(options, holder),
    inject: [CACHE_OPTIONS, RuntimeHolder],
  },
  CacheRegistry,
  CacheEvents,
  CacheActions,
  CacheService,
  CacheHealth,
  CacheInvalidations,
  CacheExplorer,
  AdminAccess,
  AdminCommands,
  HttpCacheRoutes,
];

/** The admin routes of every scope, by path parameter. */
const AdminController = adminController(null);

/** Caching for the whole application: import it once, with `forRoot` or `forRootAsync`. */
@Module({})
export class CacheModule {
  /** @throws CacheError at boot for options that cannot work, naming the field */
  static forRoot(options: CacheModuleOptions = {}): DynamicModule {
    const controllers = options.admin === false ? [] : [AdminController];
    return CacheModule.withOptions([{ provide: CACHE_OPTIONS, useValue: options }], controllers);
  }

  /** As `forRoot`, with options that need other providers. */
  static forRootAsync(options: CacheModuleAsyncOptions): DynamicModule {
    return CacheModule.withOptions(asyncOptions(options), [AdminController], options.imports);
  }

  /**
   * The admin routes of these services under paths of their own, `/user/cache/clear`, which Swagger shows. Without it the
   * same routes exist, under `/:scope/cache/clear`.
   *
   * @throws CacheError naming class and method where a decorator of a service cannot work
   */
  static forFeature(services: readonly Type[], options: CacheFeatureOptions = {}): DynamicModule {
    return adminRoutesOf(services, options);
  }

  private static withOptions(
    options: Provider[],
    controllers: Type[],
    imports: DynamicModule['imports'] = [],
  ): DynamicModule {
    return {
      module: CacheModule,
      global: true,
      imports: [DiscoveryModule, CacheStatusModule, ...imports],
      controllers,
      providers: [...options, ...PROVIDERS],
      exports: [
        RuntimeHolder,
        RUNTIME_HOLDER,
        CacheRuntime,
        CacheRegistry,
        CacheEvents,
        CacheActions,
        CacheService,
        CacheHealth,
        CacheInvalidations,
        AdminAccess,
        AdminCommands,
        HttpCacheRoutes,
      ],
    };
  }
}

function asyncOptions({ useFactory, useClass, useExisting, inject = [] }: CacheModuleAsyncOptions): Provider[] {
  if (useFactory !== undefined) return [{ provide: CACHE_OPTIONS, useFactory, inject }];
  const factory = useExisting ?? useClass;
  if (factory === undefined) return [{ provide: CACHE_OPTIONS, useValue: {} }];
  const made: Provider[] = useExisting === undefined ? [{ provide: factory, useClass: factory }] : [];
  return [
    ...made,
    {
      provide: CACHE_OPTIONS,
      useFactory: (maker: CacheOptionsFactory) => maker.createCacheOptions(),
      inject: [factory],
    },
  ];
}
