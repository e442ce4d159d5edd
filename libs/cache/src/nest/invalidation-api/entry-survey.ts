import { Inject, Injectable } from '@nestjs/common';
import type { Clock } from '../../core/clock/clock.port.js';
import type { MatchSurvey } from '../../core/engine/match-survey.js';
import type { KeyPattern } from '../../core/keys/key-pattern.js';
import { CacheRuntime } from '../cache-runtime.js';

/** What all tiers of the service hold of what was asked for. */
export interface Findings {
  /** The first of the keys: those in memory, then those of the shared tier alone. */
  readonly keys: readonly string[];
  /** Keys, each counted once however many tiers hold it. */
  readonly count: number;
  /** What their entries take, in all tiers together. */
  readonly bytes: number;
  /** Entries of each tier that was looked at. */
  readonly byTier: Readonly<Record<string, number>>;
  /** False: a bound was met, or the shared tier did not answer; the figures are the least there is. */
  readonly complete: boolean;
}

/** What a shared tier has found; `keys` each once. */
interface Found {
  readonly keys: readonly string[];
  readonly bytes: number;
  readonly complete: boolean;
}

/** Keys told apart in one survey (I19). */
const MAX_FOUND = 100_000;
/** Of its time the shared tier has this share; the rest is for its last step. */
const TIER_SHARE = 0.7;
/** How long the shared tier is waited for where the keys are known, ms. */
const KEYS_BUDGET_MS = 2000;

/**
 * Looks into the service's own tiers, memory and the shared one, without touching them (REQ-003-13). Bounded in time and
 * count; what the shared tier cannot tell is missing from the figures, and `complete` says so.
 */
@Injectable()
export class EntrySurvey {
  constructor(@Inject(CacheRuntime) private readonly runtime: CacheRuntime) {}

  /** What matches. @param maxKeys how many keys are listed; all are counted */
  async matching(pattern: KeyPattern, maxKeys: number, budgetMs: number): Promise<Findings> {
    const matches = (key: string): boolean => pattern.test(key);
    const ask = { matches, prefix: pattern.literalPrefix, maxKeys: MAX_FOUND, budgetMs: budgetMs * TIER_SHARE };
    const [memory, shared] = await Promise.all([
      this.runtime.engine.surveyMatches(matches, MAX_FOUND, budgetMs),
      this.ofTier(budgetMs, (inspection) => inspection.survey(ask)),
    ]);
    return this.together(memory, shared, maxKeys);
  }

  /** What is held of these keys. */
  async of(keys: readonly string[], maxKeys: number): Promise<Findings> {
    const memory = this.runtime.engine.surveyKeys(keys, MAX_FOUND);
    const shared = await this.ofTier(KEYS_BUDGET_MS, async (inspection) => {
      const entries = await inspection.entries(keys);
      const valid = entries.map((entry) => (entry?.fault === null ? entry : null));
      const held = keys.filter((_, index) => valid[index] !== null);
      return { keys: held, bytes: valid.reduce((sum, entry) => sum + (entry?.bytes ?? 0), 0), complete: true };
    });
    return this.together(memory, shared, maxKeys);
  }

  /** `undefined`: there is no such tier, or it can tell nothing; `null`: it did not answer. */
  private async ofTier(
    budgetMs: number,
    ask: (inspection: NonNullable<NonNullable<CacheRuntime['backend']>['inspection']>) => Promise<Found>,
  ): Promise<Found | null | undefined> {
    const { backend, clock } = this.runtime;
    if (backend === null || backend.inspection === null) return undefined;
    return backend.available() ? inTime(clock, budgetMs, ask(backend.inspection)) : null;
  }

  private together(memory: MatchSurvey, shared: Found | null | undefined, maxKeys: number): Findings {
    const { backend } = this.runtime;
    const keys = new Set([...memory.keys, ...(shared?.keys ?? [])]);
    const looked = shared === null || shared === undefined ? {} : { [backend!.name]: shared.keys.length };
    return {
      keys: [...keys].slice(0, maxKeys),
      count: Math.max(keys.size, memory.count),
      bytes: memory.bytes + (shared?.bytes ?? 0),
      byTier: { memory: memory.count, ...looked },
      complete: memory.complete && (shared === undefined ? backend === null : (shared?.complete ?? false)),
    };
  }
}

/** `null`: it failed, or took longer; a survey is information and fails nobody. */
function inTime(clock: Clock, limitMs: number, found: Promise<Found>): Promise<Found | null> {
  return new Promise((resolve) => {
    const timer = clock.schedule(limitMs, () => resolve(null));
    found.then(resolve, () => resolve(null)).finally(() => timer.cancel());
  });
}
