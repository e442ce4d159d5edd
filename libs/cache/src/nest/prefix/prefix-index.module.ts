import { Module, type DynamicModule, type FactoryProvider, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { PrefixCache } from '../../core/prefix/prefix-cache.js';
import { PrefixIndex } from '../../core/prefix/prefix-index.js';
import { CacheRuntime } from '../cache-runtime.js';
import type { PrefixIndexModuleOptions } from './prefix-index-module.options.js';
import { prefixRuntime, PrefixRuntime } from './prefix-runtime.js';

/** The injection token of the module's options. */
export const PREFIX_INDEX_OPTIONS = Symbol.for('nestjs-larder:prefix-options');

/** Makes options; for `useClass` and `useExisting`. */
export interface PrefixIndexOptionsFactory {
  createPrefixIndexOptions(): PrefixIndexModuleOptions | Promise<PrefixIndexModuleOptions>;
}

/** Options that need other providers. */
export interface PrefixIndexModuleAsyncOptions {
  imports?: DynamicModule['imports'];
  inject?: FactoryProvider['inject'];
  useFactory?: (...injected: any[]) => PrefixIndexModuleOptions | Promise<PrefixIndexModuleOptions>;
  useClass?: Type<PrefixIndexOptionsFactory>;
  useExisting?: Type<PrefixIndexOptionsFactory>;
}

/** `PrefixIndex` and `PrefixCache` for the whole application; beside `CacheModule`, which it stands on. */
@Module({})
export class PrefixIndexModule {
  /** @throws CacheError at boot for options that cannot work, naming the field */
  static forRoot(options: PrefixIndexModuleOptions = {}): DynamicModule {
    return PrefixIndexModule.withOptions([{ provide: PREFIX_INDEX_OPTIONS, useValue: options }]);
  }

  /** As `forRoot`, with options that need other providers. */
  static forRootAsync(options: PrefixIndexModuleAsyncOptions): DynamicModule {
    return PrefixIndexModule.withOptions(asyncOptions(options), options.imports);
  }

  private static withOptions(options: Provider[], imports: DynamicModule['imports'] = []): DynamicModule {
    return {
      module: PrefixIndexModule,
      global: true,
      imports: [DiscoveryModule, ...imports],
      providers: [
        ...options,
        {
          provide: PrefixRuntime,
          useFactory: prefixRuntime,
          inject: [PREFIX_INDEX_OPTIONS, DiscoveryService, { token: CacheRuntime, optional: true }],
        },
        { provide: PrefixIndex, useFactory: ({ index }: PrefixRuntime) => index, inject: [PrefixRuntime] },
        { provide: PrefixCache, useFactory: ({ cache }: PrefixRuntime) => cache, inject: [PrefixRuntime] },
      ],
      exports: [PrefixIndex, PrefixCache],
    };
  }
}

function asyncOptions({ useFactory, useClass, useExisting, inject = [] }: PrefixIndexModuleAsyncOptions): Provider[] {
  if (useFactory !== undefined) return [{ provide: PREFIX_INDEX_OPTIONS, useFactory, inject }];
  const factory = useExisting ?? useClass;
  if (factory === undefined) return [{ provide: PREFIX_INDEX_OPTIONS, useValue: {} }];
  const made: Provider[] = useExisting === undefined ? [{ provide: factory, useClass: factory }] : [];
  const make = (maker: PrefixIndexOptionsFactory) => maker.createPrefixIndexOptions();
  return [...made, { provide: PREFIX_INDEX_OPTIONS, useFactory: make, inject: [factory] }];
}
