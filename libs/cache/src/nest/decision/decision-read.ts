import type { DecisionEntry } from '../../core/decision/decision-entry.js';
import { ANY_EPOCH_TAG, policyTag, signersTag } from '../../core/decision/decision-removal.js';
import type { ReadCounters } from '../../core/engine/read-counters.js';
import type { ReadPolicy } from '../../core/engine/read-policy.js';
import type { ReadRequest } from '../../core/engine/read-request.js';
import { scopeTag } from '../../core/invalidation/tags.js';

/** What the caches in front hold of a decision. An expired one is never kept there. */
export interface FoundDecision {
  readonly entry: DecisionEntry;
  readonly expired: boolean;
}

/** What a lookup beyond the caches in front brings home. */
export interface LoadedDecision extends FoundDecision {
  /** What is left of its life, ms. */
  readonly lifeMs: number;
}

/**
 * One lookup on the read road. Its load asks the durable tier, which is the source of decisions, and perhaps decides anew;
 * what is kept in front lives as long as the entry does.
 */
export class DecisionRead implements ReadRequest {
  readonly action = 'decision';
  readonly onInstalled = null;
  policy: ReadPolicy;
  /** Who answered, once it is known. */
  tier = '';
  /** Whether it waited for another's lookup or factory. */
  waited = false;

  constructor(
    readonly key: string,
    readonly scope: string,
    private readonly base: ReadPolicy,
    readonly counters: ReadCounters,
    private readonly bring: () => Promise<LoadedDecision | null>,
  ) {
    this.policy = base;
  }

  async load(): Promise<FoundDecision | null> {
    const loaded = await this.bring();
    if (loaded === null) return null;
    const { entry, expired, lifeMs } = loaded;
    this.policy = { ...this.base, ttlMs: Math.min(this.base.ttlMs, lifeMs) };
    return { entry, expired };
  }

  tagsOf(value: unknown): readonly string[] {
    const { policyHash, signerSetHash } = (value as FoundDecision).entry;
    return [scopeTag(this.scope), ANY_EPOCH_TAG, policyTag(policyHash), signersTag(signerSetHash)];
  }

  unless(value: unknown): boolean {
    const found = value as FoundDecision | null;
    return found === null || found.expired;
  }

  onWaiting(): void {
    this.waited = true;
  }

  onAnswered(tier: string): void {
    this.tier = tier;
  }
}
