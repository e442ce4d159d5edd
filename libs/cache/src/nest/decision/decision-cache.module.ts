import { Module, type DynamicModule, type FactoryProvider, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import type { DecisionCacheOptions } from './decision-cache.options.js';
import { DECISION_OPTIONS, DecisionCacheService } from './decision-cache.service.js';

/** Makes options; for `useClass` and `useExisting`. */
export interface DecisionCacheOptionsFactory {
  createDecisionCacheOptions(): DecisionCacheOptions | Promise<DecisionCacheOptions>;
}

/** Options that need other providers. */
export interface DecisionCacheModuleAsyncOptions {
  imports?: DynamicModule['imports'];
  inject?: FactoryProvider['inject'];
  useFactory?: (...injected: any[]) => DecisionCacheOptions | Promise<DecisionCacheOptions>;
  useClass?: Type<DecisionCacheOptionsFactory>;
  useExisting?: Type<DecisionCacheOptionsFactory>;
}

/** The decision cache for the whole application. It stands on `CacheModule`, which is imported beside it. */
@Module({})
export class DecisionCacheModule {
  /** @throws CacheError at boot for options that cannot work, naming the field */
  static forRoot(options: DecisionCacheOptions = {}): DynamicModule {
    return withOptions([{ provide: DECISION_OPTIONS, useValue: options }]);
  }

  /** As `forRoot`, with options that need other providers. */
  static forRootAsync(options: DecisionCacheModuleAsyncOptions): DynamicModule {
    return withOptions(asyncOptions(options), options.imports);
  }
}

function withOptions(options: Provider[], imports: DynamicModule['imports'] = []): DynamicModule {
  return {
    module: DecisionCacheModule,
    global: true,
    imports: [DiscoveryModule, ...imports],
    providers: [...options, DecisionCacheService],
    exports: [DecisionCacheService],
  };
}

function asyncOptions({ useFactory, useClass, useExisting, inject = [] }: DecisionCacheModuleAsyncOptions): Provider[] {
  if (useFactory !== undefined) return [{ provide: DECISION_OPTIONS, useFactory, inject }];
  const factory = useExisting ?? useClass;
  if (factory === undefined) return [{ provide: DECISION_OPTIONS, useValue: {} }];
  const made: Provider[] = useExisting === undefined ? [{ provide: factory, useClass: factory }] : [];
  const useMaker = (maker: DecisionCacheOptionsFactory) => maker.createDecisionCacheOptions();
  return [...made, { provide: DECISION_OPTIONS, useFactory: useMaker, inject: [factory] }];
}
