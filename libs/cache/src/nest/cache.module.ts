import { Module, type DynamicModule, type FactoryProvider, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { CacheError } from '../core/errors/cache-error.js';
import { AdminAccess } from './admin/admin-access.js';
import { AdminCommands } from './admin/admin-commands.js';
import { AdminGate } from './admin/admin-gate.js';
import { adminController } from './admin/admin.controller.js';
import { COMMAND_PATHS, PlatformRefusals } from './admin/platform-refusals.js';
import { RefusalLog } from './admin/refusal-log.js';
import { adminRoutesOf, type CacheFeatureOptions } from './admin/admin-routes.module.js';
import { CacheActions } from './cache-actions.js';
import { CacheExplorer } from './cache.explorer.js';
import type { CacheModuleOptions } from './cache.options.js';
import { CacheInvalidations } from './durability/cache-invalidations.js';
import { CacheConfigReload } from './config/cache-config-reload.js';
import { CacheHealth } from './cache-health.js';
import { CacheMetrics } from './cache-metrics.js';
import { CacheRegistry } from './cache-registry.js';
import { CacheRuntime } from './cache-runtime.js';
import { CacheService } from './cache.service.js';
import { CacheEvents } from './events/cache-events.js';
import { CacheHeadersModule } from './http/cache-headers.module.js';
import { HttpCacheRoutes } from './http/http-cache-routes.js';
import { RUNTIME_HOLDER, RuntimeHolder } from './interception/runtime-binding.js';
import { AuditLogReader } from './invalidation-api/audit-log-reader.js';
import { EntrySurvey } from './invalidation-api/entry-survey.js';
import { invalidationApiController } from './invalidation-api/invalidation-api.controller.js';
import { resolveInvalidationApiOptions } from './invalidation-api/invalidation-api.options.js';
import { InvalidationCommands } from './invalidation-api/invalidation-commands.js';
import { ExplainReader } from './operations/explain-reader.js';
import { OperationsAudit } from './operations/operations-audit.js';
import { operationsController } from './operations/operations.controller.js';
import { resolveOperationsOptions } from './operations/operations.options.js';
import { OutboxDesk } from './operations/outbox-desk.js';
import { SwitchDesk } from './operations/switch-desk.js';
import { InvalidationStatistics } from './invalidation-api/invalidation-statistics.js';

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
  /** As in `forRoot`. It stands here because routes are made before a factory is called. @default see InvalidationApiOptions */
  invalidationApi?: CacheModuleOptions['invalidationApi'];
  /** As in `forRoot`, and here for the same reason. @default see OperationsOptions */
  operations?: CacheModuleOptions['operations'];
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
  CacheConfigReload,
  CacheHealth,
  CacheMetrics,
  CacheInvalidations,
  CacheExplorer,
  AdminAccess,
  AdminCommands,
  AdminGate,
  RefusalLog,
  PlatformRefusals,
  HttpCacheRoutes,
  InvalidationCommands,
  InvalidationStatistics,
  EntrySurvey,
  AuditLogReader,
  OperationsAudit,
  OutboxDesk,
  SwitchDesk,
  ExplainReader,
];

/** The admin routes of every scope, by path parameter. */
const AdminController = adminController(null);

/** Caching for the whole application: import it once, with `forRoot` or `forRootAsync`. */
@Module({})
export class CacheModule {
  /** @throws CacheError at boot for options that cannot work, naming the field */
  static forRoot(options: CacheModuleOptions = {}): DynamicModule {
    const controllers = options.admin === false ? [] : [AdminController, ...apiControllers(options)];
    return CacheModule.withOptions([{ provide: CACHE_OPTIONS, useValue: options }, commandPaths(options)], controllers);
  }

  /** As `forRoot`, with options that need other providers. */
  static forRootAsync(options: CacheModuleAsyncOptions): DynamicModule {
    const controllers = [AdminController, ...apiControllers(options)];
    return CacheModule.withOptions([...asyncOptions(options), commandPaths(options)], controllers, options.imports);
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
      imports: [DiscoveryModule, CacheHeadersModule, ...imports],
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
        CacheConfigReload,
        CacheHealth,
        CacheMetrics,
        CacheInvalidations,
        AdminAccess,
        AdminCommands,
        AdminGate,
        HttpCacheRoutes,
        InvalidationStatistics,
        InvalidationCommands,
      ],
    };
  }
}

type RouteOptions = Pick<CacheModuleOptions, 'invalidationApi' | 'operations'>;

function apiControllers({ invalidationApi, operations }: RouteOptions): Type[] {
  return [
    ...(invalidationApi === false ? [] : [invalidationApiController(resolveInvalidationApiOptions(invalidationApi))]),
    ...(operations === false ? [] : [operationsController(resolveOperationsOptions(operations))]),
  ];
}

function commandPaths({ invalidationApi, operations }: RouteOptions): Provider {
  const { keyPath, patternPath } = resolveInvalidationApiOptions(invalidationApi || undefined);
  const { resetPath, switchesPath } = resolveOperationsOptions(operations || undefined);
  const api = invalidationApi === false ? [] : [keyPath, patternPath];
  return { provide: COMMAND_PATHS, useValue: operations === false ? api : [...api, resetPath, switchesPath] };
}

/** Routes cannot wait for a factory; what it says of them would change nothing, silently. */
function assertNoRoutes(options: CacheModuleOptions): CacheModuleOptions {
  const field = (['invalidationApi', 'operations'] as const).find((name) => options[name] !== undefined);
  if (field === undefined) return options;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected no \`${field}\` in options that a factory makes, got one. Set it beside the factory: \`forRootAsync({ useFactory, ${field} })\`.`,
  );
}

function asyncOptions({ useFactory, useClass, useExisting, inject = [] }: CacheModuleAsyncOptions): Provider[] {
  if (useFactory !== undefined) {
    const checked = async (...injected: unknown[]) => assertNoRoutes(await useFactory(...injected));
    return [{ provide: CACHE_OPTIONS, useFactory: checked, inject }];
  }
  const factory = useExisting ?? useClass;
  if (factory === undefined) return [{ provide: CACHE_OPTIONS, useValue: {} }];
  const made: Provider[] = useExisting === undefined ? [{ provide: factory, useClass: factory }] : [];
  return [
    ...made,
    {
      provide: CACHE_OPTIONS,
      useFactory: async (maker: CacheOptionsFactory) => assertNoRoutes(await maker.createCacheOptions()),
      inject: [factory],
    },
  ];
}
