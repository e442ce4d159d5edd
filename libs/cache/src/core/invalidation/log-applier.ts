import type { Invalidation, PatternTarget } from '../coherence/invalidation.js';
import type { LogListener } from '../coherence/invalidation-log.port.js';
import type { LocalTier } from '../engine/local-tier.js';
import { fullKey } from '../keys/local-key.js';

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

  /**
   * Applies an invalidation whose writer was told that it will happen, and serves nothing of its targets from the shared
   * tier until the returned function says that it has executed it too (G5).
   */
  promise(invalidation: Invalidation): () => void {
    this.apply(invalidation);
    const patterns = invalidation.patterns.map((target) => this.matcherOf(target));
    return this.local.promised.promise({ ...invalidation, patterns });
  }

  /** The effect is immediate; the promise brings the number of entries removed, once patterns have swept the store. */
  async applyAndCount(invalidation: Invalidation): Promise<number> {
    let removed = invalidation.flush ? this.local.invalidateAll() : 0;
    for (const key of invalidation.keys) removed += Number(this.local.invalidateKey(key));
    for (const tag of invalidation.tags) removed += this.local.invalidateTag(tag);
    if (invalidation.patterns.length === 0) return removed;
    const sweeps = invalidation.patterns.map((target) => this.local.invalidateMatching(this.matcherOf(target)));
    for (const swept of await Promise.all(sweeps)) removed += swept;
    return removed;
  }

  /**
   * A pattern of another instance may be one that this version cannot read. Its prey must not survive for that, nor may
   * following the log stop: everything the pattern could mean dies.
   */
  private matcherOf(target: PatternTarget): (fullKey: string) => boolean {
    try {
      return this.compilePattern(target);
    } catch {
      const prefix = target.scope === null ? '' : fullKey(target.scope, '');
      return (key) => key.startsWith(prefix);
    }
  }
}
