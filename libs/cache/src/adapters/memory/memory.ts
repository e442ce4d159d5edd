import { SharedTier, type SharedTierParts } from '../../core/coherence/shared-tier.port.js';
import { resolveMemoryOptions, type MemoryOptions, type ResolvedMemoryOptions } from '../../core/engine/l1.options.js';
import { MemoryInvalidationLog } from './memory-invalidation-log.js';

/** Memory as the only tier: nothing leaves the process, and an invalidation is applied in the call that makes it. */
export class MemoryTier extends SharedTier {
  override readonly kind = 'memory';

  constructor(readonly bounds: ResolvedMemoryOptions) {
    super();
  }

  override create(): SharedTierParts {
    return { log: new MemoryInvalidationLog(), backend: null };
  }
}

/**
 * The default backend: this process's memory.
 *
 * @param options bounds; by default 100,000 entries and 64 MiB
 * @throws CacheError `LARDER_OPTION_INVALID` naming the field
 */
export function memory(options: MemoryOptions = {}): MemoryTier {
  return new MemoryTier(resolveMemoryOptions(options));
}
