import { assertDecisionEntry, type DecisionEntry } from '../../core/decision/decision-entry.js';
import { DecisionResult } from '../../core/decision/decision-result.js';
import type { DecisionMark } from '../../core/decision/decision-store.port.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { InvalidationIntent } from '../../core/invalidation/intent.js';
import { DecisionRead, type FoundDecision, type LoadedDecision } from './decision-read.js';
import type { DecisionTiers } from './decision-tiers.js';

/** Makes a decision. */
export type DecisionFactory<Decision = unknown> = () => Promise<DecisionEntry<Decision>> | DecisionEntry<Decision>;

/** So often a caller that waited for a lookup which found nothing tries to lead one itself. */
const PATIENCE = 3;

/**
 * Reads and writes of decisions. Reads take the read road, with the durable tier as their source: the stamp of the shared
 * tier comes first, then the durable tier with its mark, then the factory. So whatever is removed meanwhile is kept
 * nowhere: not in front, by permit and fence, and not in the durable tier, by the mark.
 *
 * A write goes to the durable tier first and then drops what the caches in front hold of the key; they are filled again by
 * reading. Nothing gets into them by another way.
 */
export class DecisionLookups {
  constructor(private readonly tiers: DecisionTiers) {}

  async get(veriKey: string): Promise<DecisionResult> {
    const { runtime, counters } = this.tiers;
    const startedAt = runtime.clock.monotonic();
    const { found, source } = await this.find(veriKey);
    const tookMs = runtime.clock.monotonic() - startedAt;
    counters.found(found?.expired === false, tookMs);
    if (found === null) return DecisionResult.miss(tookMs);
    if (found.expired) return DecisionResult.expired(found.entry, tookMs);
    return DecisionResult.hit(found.entry, source, tookMs);
  }

  async getOrCompute(veriKey: string, factory: DecisionFactory): Promise<DecisionEntry> {
    const { runtime, counters } = this.tiers;
    const startedAt = runtime.clock.monotonic();
    let missed = false;
    const bring = async (): Promise<LoadedDecision> => {
      const lookup = await this.tiers.lookUp(veriKey);
      const kept = this.kept(lookup);
      if (kept?.expired === false) return kept;
      if (!missed) counters.found(false, runtime.clock.monotonic() - startedAt);
      missed = true;
      const entry = await decided(veriKey, factory);
      if (lookup !== null) await this.tiers.writer.behind({ entry, mark: lookup.mark });
      const lifeMs = this.tiers.lifeUntil(entry.expiresAt, lookup);
      return { entry, expired: lifeMs <= 0, lifeMs };
    };
    for (let tries = 0; tries < PATIENCE; tries += 1) {
      const read = this.read(veriKey, bring);
      const found = (await runtime.main.engine.read(read)) as FoundDecision | null;
      // Another's lookup under way may have found nothing usable; nobody but a factory may say so here.
      if (found === null || (found.expired && !missed)) continue;
      // Who waited for another's factory has measured that, and not a lookup.
      if (!missed) counters.found(true, read.waited ? null : runtime.clock.monotonic() - startedAt);
      return found.entry;
    }
    return (await bring()).entry;
  }

  /** Decides anew, whatever is kept, and replaces it. */
  async computeAnew(veriKey: string, factory: DecisionFactory): Promise<DecisionEntry> {
    const lookup = await this.tiers.lookUp(veriKey);
    const entry = await decided(veriKey, factory);
    if (lookup !== null) await this.keep(entry, lookup.mark);
    return entry;
  }

  /** Decides, and keeps nothing. */
  computeOnly(veriKey: string, factory: DecisionFactory): Promise<DecisionEntry> {
    return decided(veriKey, factory);
  }

  /** `false`: not kept, because the durable tier is away, cannot hold it, or knows better. */
  async keep(entry: DecisionEntry, mark: DecisionMark | null): Promise<boolean> {
    const written = await this.tiers.writer.through({ entry, mark });
    if (written === null) return false;
    await this.replaceInFront(entry.veriKey);
    if (written.remainingMs > 0) await this.find(entry.veriKey);
    return true;
  }

  private async find(veriKey: string): Promise<{ readonly found: FoundDecision | null; readonly source: string }> {
    const { engine } = this.tiers.runtime.main;
    const bring = async (): Promise<LoadedDecision | null> => this.kept(await this.tiers.lookUp(veriKey));
    const { name } = this.tiers.store;
    const key = this.tiers.keyOf(veriKey);
    // A factory is under way: a lookup does not wait for it.
    if (engine.peek(key) === undefined && engine.loading(key)) return { found: await bring(), source: name };
    // Nor does it wait for a factory of another instance.
    const read = this.read(veriKey, bring, 0);
    try {
      const found = (await engine.read(read)) as FoundDecision | null;
      return { found, source: read.tier === 'source' ? name : read.tier };
    } catch {
      // Only another's factory can fail here, which was joined in the turn in which it began.
      return { found: await bring(), source: name };
    }
  }

  private kept(lookup: Awaited<ReturnType<DecisionTiers['lookUp']>>): LoadedDecision | null {
    if (lookup === null || lookup.kept === null) return null;
    const { entry } = lookup.kept;
    const lifeMs = this.tiers.lifeUntil(entry.expiresAt, lookup);
    return { entry, expired: lifeMs <= 0, lifeMs };
  }

  private read(
    veriKey: string,
    bring: () => Promise<LoadedDecision | null>,
    electionWaitMs = this.tiers.policy.electionWaitMs,
  ): DecisionRead {
    const { scope, policy, runtime } = this.tiers;
    const counters = runtime.counters.of(scope, 'decision');
    return new DecisionRead(this.tiers.keyOf(veriKey), scope, { ...policy, electionWaitMs }, counters, bring);
  }

  /** What the caches in front hold of a key is dropped; where they cannot be reached, as soon as they can. */
  private async replaceInFront(veriKey: string): Promise<void> {
    const { runtime, durable, keyOf } = this.tiers;
    const { invalidations } = runtime;
    const intents = [InvalidationIntent.key(keyOf(veriKey))];
    const options = { reason: 'replaced', actor: 'decision-cache', requestId: durable.idThatSpares() };
    try {
      await invalidations.invalidate(intents, options, null);
    } catch {
      await invalidations.invalidateOrRetry(intents, options); // announced and counted there
    }
  }
}

/** @throws CacheError `LARDER_DECISION_INVALID` for anything but an entry of that key; what the factory throws passes unchanged */
async function decided(veriKey: string, factory: DecisionFactory): Promise<DecisionEntry> {
  const entry: unknown = await factory();
  assertDecisionEntry(entry);
  if (entry.veriKey === veriKey) return entry;
  throw new CacheError(
    'LARDER_DECISION_INVALID',
    'Expected the factory to make an entry of the VeriKey that was asked for, got one of another. Return the same `veriKey`.',
  );
}
