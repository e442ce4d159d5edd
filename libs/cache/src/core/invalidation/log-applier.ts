import type { Invalidation, PatternTarget } from '../coherence/invalidation.js';
import type { LogListener } from '../coherence/invalidation-log.port.js';
import type { LocalTier } from '../engine/local-tier.js';

/**
 * Applies what comes out of the log to this process's memory. Idempotent: an invalidation applied twice, or one already
 * applied by the instance that asked for it, removes nothing more.
 */
export class LogApplier implements LogListener {
  constructor(
    private readonly local: LocalTier,
    private readonly compilePattern: (target: PatternTarget) => (fullKey: string) => boolean,
  ) {}

  apply(invalidation: Invalidation): void {
    void this.applyAndCount(invalidation);
  }

  reset(): void {
    this.local.invalidateAll();
  }

  /** The effect is immediate; the promise brings the number of entries removed, once patterns have swept the store. */
  async applyAndCount(invalidation: Invalidation): Promise<number> {
    let removed = invalidation.flush ? this.local.invalidateAll() : 0;
    for (const key of invalidation.keys) removed += Number(this.local.invalidateKey(key));
    for (const tag of invalidation.tags) removed += this.local.invalidateTag(tag);
    const sweeps = invalidation.patterns.map((target) => this.local.invalidateMatching(this.compilePattern(target)));
    for (const swept of await Promise.all(sweeps)) removed += swept;
    return removed;
  }
}
