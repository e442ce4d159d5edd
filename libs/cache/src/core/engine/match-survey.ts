import type { Clock } from '../clock/clock.port.js';
import type { L1Entry } from './l1-entry.js';
import type { LocalTier } from './local-tier.js';

/** What memory holds of a set of keys, counted and not touched. */
export interface MatchSurvey {
  readonly count: number;
  /** Accounted bytes of the counted entries. */
  readonly bytes: number;
  /** The first of the keys, in order of insertion. */
  readonly keys: readonly string[];
  /** False: the time was up before everything was looked at, so the figures are the least there is. */
  readonly complete: boolean;
}

/** No turn of the event loop is held longer than this by a survey, ms. */
const TURN_BUDGET_MS = 4;
const STEP_ENTRIES = 16;
/** A survey is information; it must not take longer than this, ms. */
const TOTAL_BUDGET_MS = 2000;

/** Looks at all entries of this process's memory, in slices that never hold a turn for long. */
export async function surveyMatches(
  local: LocalTier,
  clock: Clock,
  matches: (key: string) => boolean,
  maxKeys: number,
  budgetMs: number = TOTAL_BUDGET_MS,
): Promise<MatchSurvey> {
  const tally = new Tally(local, maxKeys);
  const cursor = local.store.matching(matches);
  const startedAt = clock.monotonic();
  for (let turnAt = startedAt; !cursor.done;) {
    for (const entry of cursor.next(STEP_ENTRIES)) tally.add(entry);
    const now = clock.monotonic();
    if (now - startedAt > budgetMs) return tally.survey(cursor.done);
    if (now - turnAt < TURN_BUDGET_MS) continue;
    await clock.sleep(0);
    turnAt = clock.monotonic();
  }
  return tally.survey(true);
}

/** The same for keys that are known. */
export function surveyKeys(local: LocalTier, keys: Iterable<string>, maxKeys: number): MatchSurvey {
  const tally = new Tally(local, maxKeys);
  for (const key of keys) {
    const entry = local.store.get(key);
    if (entry !== undefined) tally.add(entry);
  }
  return tally.survey(true);
}

class Tally {
  private count = 0;
  private bytes = 0;
  private readonly keys: string[] = [];

  constructor(
    private readonly local: LocalTier,
    private readonly maxKeys: number,
  ) {}

  /** Counts what an invalidation would still find: what expired or was invalidated before is gone already. */
  add(entry: L1Entry): void {
    if (!this.local.holds(entry.key)) return;
    this.count += 1;
    this.bytes += entry.bytes;
    if (this.keys.length < this.maxKeys) this.keys.push(entry.key);
  }

  survey(complete: boolean): MatchSurvey {
    return { count: this.count, bytes: this.bytes, keys: this.keys, complete };
  }
}
