import { SharedTier, type SharedTierContext, type SharedTierParts } from '../../core/coherence/shared-tier.port.js';
import { CustomCacheBackend } from './custom-cache-backend.js';
import { CustomInvalidationLog } from './custom-invalidation-log.js';
import { resolveCustomOptions, type CustomOptions, type ResolvedCustomOptions } from './custom.options.js';
import { MemoryInvalidationLog } from './memory-invalidation-log.js';
import { StoreGuard } from './store-guard.js';

/** Values in a store of the user's, coherence by a log: that of this process, or one that processes share. */
export class CustomTier extends SharedTier {
  override readonly kind: string;

  constructor(private readonly options: ResolvedCustomOptions) {
    super();
    this.kind = options.name;
  }

  override create(context: SharedTierContext): SharedTierParts {
    const { store, name, timeoutMs, log: shared } = this.options;
    const { clock, events, instanceId } = context;
    const followed = shared?.create(context).log ?? new MemoryInvalidationLog();
    const guard = new StoreGuard(store, name, clock, timeoutMs);
    const log = new CustomInvalidationLog(followed, instanceId, guard);
    return { log, backend: new CustomCacheBackend(name, log, guard, clock, events ?? null) };
  }
}

/**
 * A shared tier out of anything with `get`, `set`, `delete` and `clear`: a table, a folder, a client of another service.
 * Keys, tags, patterns, events and flushes invalidate in it like anywhere else (REQ-002-06).
 *
 * @throws CacheError `LARDER_OPTION_INVALID` or `LARDER_DURATION_INVALID` naming the field
 */
export function custom(options: CustomOptions): CustomTier {
  return new CustomTier(resolveCustomOptions(options));
}
