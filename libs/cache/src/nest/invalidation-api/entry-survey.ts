import { Inject, Injectable } from '@nestjs/common';
import type { Clock } from '../../core/clock/clock.port.js';
import type { MatchSurvey } from '../../core/engine/match-survey.js';
import type { KeyPattern } from '../../core/keys/key-pattern.js';
import type { TierInspection } from '../../core/coherence/tier-inspection.js';
import type { CacheStack } from '../backends/cache-stack.js';
import { CacheRuntime } from '../cache-runtime.js';

/** What all tiers of the service hold of what was asked for. */
export interface Findings {
  /** The first of the keys: those in memory, then those of the shared tier alone. */
  readonly keys: readonly string[];
  /** Keys, each counted once however many tiers hold it. */
  readonly count: number;
  /** What their entries take, in all tiers together. */
  readonly bytes: number;
  /** Entries of each tier that was looked at; memory is that of all backends together. */
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

/** What one backend's memory and shared tier hold; `shared` is `undefined` where there is nothing to ask, `null`: no answer. */
interface Look {
  readonly stack: CacheStack;
  readonly memory: MatchSurvey;
  readonly shared: Found | null | undefined;
}

/**
 * Looks into the service's own tiers, the memory and the shared tier of each backend, without touching them (REQ-003-13).
 * Bounded in time and count; what a shared tier cannot tell is missing from the figures, and `complete` says so.
 */
@Injectable()
export class EntrySurvey {
  constructor(@Inject(CacheRuntime) private readonly runtime: CacheRuntime) {}

  /** What matches. @param maxKeys how many keys are listed; all are counted */
  matching(pattern: KeyPattern, maxKeys: number, budgetMs: number): Promise<Findings> {
    const matches = (key: string): boolean => pattern.test(key);
    const ask = { matches, prefix: pattern.literalPrefix, maxKeys: MAX_FOUND, budgetMs: budgetMs * TIER_SHARE };
    return this.look(maxKeys, async (stack) => {
      const [memory, shared] = await Promise.all([
        stack.engine.surveyMatches(matches, MAX_FOUND, budgetMs),
        this.ofTier(stack, budgetMs, (inspection) => inspection.survey(ask)),
      ]);
      return { stack, memory, shared };
    });
  }

  /** What is held of these keys. */
  of(keys: readonly string[], maxKeys: number): Promise<Findings> {
    return this.look(maxKeys, async (stack) => {
      const memory = stack.engine.surveyKeys(keys, MAX_FOUND);
      const shared = await this.ofTier(stack, KEYS_BUDGET_MS, async (inspection) => {
        const entries = await inspection.entries(keys);
        const valid = entries.map((entry) => (entry?.fault === null ? entry : null));
        const held = keys.filter((_, index) => valid[index] !== null);
        return { keys: held, bytes: valid.reduce((sum, entry) => sum + (entry?.bytes ?? 0), 0), complete: true };
      });
      return { stack, memory, shared };
    });
  }

  private async look(maxKeys: number, into: (stack: CacheStack) => Promise<Look>): Promise<Findings> {
    return together(await Promise.all(this.runtime.backends.all().map(into)), maxKeys);
  }

  /** `undefined`: there is no such tier, or it can tell nothing; `null`: it did not answer. */
  private async ofTier(
    { backend }: CacheStack,
    budgetMs: number,
    ask: (inspection: TierInspection) => Promise<Found>,
  ): Promise<Found | null | undefined> {
    if (backend === null || backend.inspection === null) return undefined;
    return backend.available() ? inTime(this.runtime.clock, budgetMs, ask(backend.inspection)) : null;
  }
}

function together(looks: readonly Look[], maxKeys: number): Findings {
  const keys = new Set([
    ...looks.flatMap(({ memory }) => memory.keys),
    ...looks.flatMap(({ shared }) => shared?.keys ?? []),
  ]);
  const asked = looks.filter(({ shared }) => shared !== null && shared !== undefined);
  const inMemory = looks.map(({ memory }) => memory.count);
  return {
    keys: [...keys].slice(0, maxKeys),
    count: Math.max(keys.size, ...inMemory),
    bytes: looks.reduce((sum, { memory, shared }) => sum + memory.bytes + (shared?.bytes ?? 0), 0),
    byTier: {
      memory: inMemory.reduce((sum, count) => sum + count, 0),
      ...Object.fromEntries(asked.map(({ stack, shared }) => [stack.tiers.at(-1)!, shared!.keys.length])),
    },
    complete: looks.every(
      ({ stack, memory, shared }) =>
        memory.complete && (shared === undefined ? stack.backend === null : (shared?.complete ?? false)),
    ),
  };
}

/** `null`: it failed, or took longer; a survey is information and fails nobody. */
function inTime(clock: Clock, limitMs: number, found: Promise<Found>): Promise<Found | null> {
  return new Promise((resolve) => {
    const timer = clock.schedule(limitMs, () => resolve(null));
    found.then(resolve, () => resolve(null)).finally(() => timer.cancel());
  });
}
