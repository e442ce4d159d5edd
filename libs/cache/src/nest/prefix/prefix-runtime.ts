import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { InMemoryPrefixStore } from '../../adapters/memory/in-memory-prefix-store.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { DurablePrefixes } from '../../core/prefix/durable-prefixes.js';
import { PrefixCache } from '../../core/prefix/prefix-cache.js';
import { PrefixIndex } from '../../core/prefix/prefix-index.js';
import type { PrefixStore } from '../../core/prefix/prefix-store.port.js';
import { PrefixSweeper } from '../../core/prefix/prefix-sweeper.js';
import type { CacheRuntime } from '../cache-runtime.js';
import { bindDataSource } from '../durability/bind-data-source.js';
import {
  PREFIX_INDEX_MODULE_DEFAULTS,
  resolvePrefixSweepOptions,
  type PrefixIndexModuleOptions,
} from './prefix-index-module.options.js';

const CONSEQUENCE: Readonly<Record<string, string>> = {
  accelerator: 'The shared tier did not answer for the prefix index; its store is asked',
  refresh: 'Windows of prefixes could not be moved on; it is tried again',
  sweep: 'Expired prefixes could not be deleted; it is tried again',
};

/** The prefix index of an application, put together on the cache's clock, shared tier and removal road. */
@Injectable()
export class PrefixRuntime implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly index: PrefixIndex;
  readonly cache: PrefixCache;
  private readonly store: PrefixStore;
  private readonly sweeper: PrefixSweeper | null;

  /** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID` naming the field */
  constructor(
    options: PrefixIndexModuleOptions,
    private readonly runtime: CacheRuntime,
    private readonly discovery: DiscoveryService,
  ) {
    const { clock, invalidations, cacheLog } = runtime;
    const { records, engine } = runtime.main;
    const { store = new InMemoryPrefixStore(clock), cache = {}, sweep } = options;
    const accelerate = options.accelerate ?? PREFIX_INDEX_MODULE_DEFAULTS.accelerate;
    assertShared(store, runtime.main.log.leased);
    this.store = store;
    this.index = new PrefixIndex({
      store,
      accelerator: accelerate ? records : null,
      clock,
      invalidations,
      options,
      withheld: (tags) => engine.local.promised.hit('', tags),
      onTrouble: (what, error) => this.report(what, error),
    });
    this.cache = new PrefixCache(this.index, clock, cache, (consequence, error) =>
      cacheLog.warn(consequence, `${consequence}.`, error),
    );
    const sweeping = resolvePrefixSweepOptions(sweep);
    const onTrouble = (error: unknown): void => this.report('sweep', error);
    this.sweeper = sweeping === null ? null : new PrefixSweeper(store, clock, sweeping, Math.random, onTrouble);
    invalidations.removesFrom(new DurablePrefixes(store));
  }

  async onModuleInit(): Promise<void> {
    bindDataSource(this.discovery, [this.store]);
    await this.store.open();
    this.sweeper?.start();
  }

  /** What was noted reaches the store while that is still there; what comes later is not kept waiting. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.cache.settled();
    await this.index.drain();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.sweeper?.stop();
    await this.store.close();
  }

  private report(what: string, error: unknown): void {
    this.runtime.cacheLog.warn(`prefix ${what}`, `${CONSEQUENCE[what]}.`, error);
  }
}

/** @throws CacheError `LARDER_OPTION_INVALID` */
export function prefixRuntime(
  options: PrefixIndexModuleOptions,
  discovery: DiscoveryService,
  runtime: CacheRuntime | undefined,
): PrefixRuntime {
  if (runtime !== undefined) return new PrefixRuntime(options, runtime, discovery);
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    'Expected CacheModule beside PrefixIndexModule, got none. Import CacheModule.forRoot() in the root module: the index goes its removal road.',
  );
}

/** What one process holds for itself would outlive its invalidation by another. */
function assertShared(store: PrefixStore, leased: boolean): void {
  if (!leased || store.shared) return;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    'Expected `store` of PrefixIndexModule to be one that all instances share, since the backend is shared, got one of this process alone. Give `typeormPrefixes({ dataSource })`.',
  );
}
