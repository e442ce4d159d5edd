import { createHash } from 'node:crypto';
import { InMemoryPrefixStore } from '../../../libs/cache/src/adapters/memory/in-memory-prefix-store.js';
import { MemoryHub, type HubInstance } from '../../../libs/cache/src/adapters/memory/memory-hub.js';
import { DurablePrefixes } from '../../../libs/cache/src/core/prefix/durable-prefixes.js';
import type { IndexScope } from '../../../libs/cache/src/core/prefix/index-scope.js';
import { PrefixCache } from '../../../libs/cache/src/core/prefix/prefix-cache.js';
import type { PrefixEntry } from '../../../libs/cache/src/core/prefix/prefix-entry.js';
import { PrefixIndex } from '../../../libs/cache/src/core/prefix/prefix-index.js';
import type { PrefixIndexOptions } from '../../../libs/cache/src/core/prefix/prefix-index.options.js';
import type { PrefixRefresh, PrefixStore } from '../../../libs/cache/src/core/prefix/prefix-store.port.js';
import { TtlTier } from '../../../libs/cache/src/core/prefix/ttl-tier.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { CacheRig } from '../engine/cache-rig.js';

export const SCOPE: IndexScope = {
  principalId: '11111111-2222-4333-8444-555555555555',
  virtualModel: 'model',
  tokenizerVersion: 'v1',
};

export const hashOf = (text: string): Uint8Array => createHash('sha256').update(text).digest();

/** A store that counts its statements, and can be broken or held. */
export class WatchedStore extends InMemoryPrefixStore {
  lookups = 0;
  refreshes: (readonly PrefixRefresh[])[] = [];
  broken: Error | null = null;

  override async lookup(...args: Parameters<PrefixStore['lookup']>) {
    this.lookups += 1;
    if (this.broken !== null) throw this.broken;
    return super.lookup(...args);
  }

  override async write(...args: Parameters<PrefixStore['write']>) {
    if (this.broken !== null) throw this.broken;
    return super.write(...args);
  }

  override async refresh(refreshes: readonly PrefixRefresh[]) {
    this.refreshes.push(refreshes);
    if (this.broken !== null) throw this.broken;
    return super.refresh(refreshes);
  }
}

export interface PrefixRigOptions extends PrefixIndexOptions {
  readonly accelerated?: boolean;
}

/** Instances of an index over one store and one hub; time stands until it is moved, and no heartbeat costs any. */
export class PrefixRig {
  readonly clock = new ManualClock();
  readonly store = new WatchedStore(this.clock);
  readonly hub = new MemoryHub({ clock: this.clock, leaseMs: 1e9 });
  readonly troubles: string[] = [];
  readonly warnings: string[] = [];
  readonly withheld = new Set<string>();

  async instance({ accelerated = true, ...options }: PrefixRigOptions = {}): Promise<{
    index: PrefixIndex;
    cache: PrefixCache;
    tier: HubInstance;
    rig: CacheRig;
  }> {
    const tier = this.hub.instance({ namespace: 'rig', clock: this.clock });
    const rig = await CacheRig.open({ clock: this.clock, log: tier.log });
    rig.invalidations.removesFrom(new DurablePrefixes(this.store));
    const index = new PrefixIndex({
      store: this.store,
      accelerator: accelerated ? tier.records : null,
      clock: this.clock,
      invalidations: rig.invalidations,
      options,
      withheld: (tags) => tags.some((tag) => this.withheld.has(tag)),
      onTrouble: (what, error) => this.troubles.push(`${what}: ${String(error)}`),
    });
    const cache = new PrefixCache(index, this.clock, {}, (consequence, error) =>
      this.warnings.push(`${consequence}. ${(error as Error).message}`),
    );
    return { index, cache, tier, rig };
  }
}

export function entryOf(text: string, more: Partial<PrefixEntry> = {}): PrefixEntry {
  return { scope: SCOPE, prefixHash: hashOf(text), cumulativeTokenCount: 10, ttlTier: TtlTier.FiveMinutes, ...more };
}
