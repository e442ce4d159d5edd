import { OTHER_ACTIONS, type ReadOutcome } from './engine.events.js';

/**
 * The reads of one action since start, by how they ended; every read is in one of the first seven. The road counts by
 * itself, so a hit in memory costs one addition whether anybody looks at the number or not.
 */
export class ReadCounters {
  /** Answered by this process's memory. */
  memoryHits = 0;
  /** Answered by the shared tier. */
  sharedHits = 0;
  /** Answered by a load that somebody else had begun. */
  joined = 0;
  /** Nothing was there: the method ran. */
  misses = 0;
  /** What was there had expired: the method ran. */
  expired = 0;
  /** An expired value stood in for a slow or failing method. */
  stale = 0;
  /** Past the cache: inside a transaction, refused by `when`, or without a key. */
  bypassed = 0;
  /** Loads that returned, whether their value was kept or not. */
  loads = 0;
  /** Loads that threw. */
  failedLoads = 0;

  constructor(
    readonly scope: string,
    readonly action: string,
  ) {}

  /** Counts a read that went beyond the first look into memory. */
  count(outcome: ReadOutcome, tier: string): void {
    switch (outcome) {
      case 'hit':
        if (tier === 'memory') this.memoryHits += 1;
        else if (tier === 'flight') this.joined += 1;
        else this.sharedHits += 1;
        return;
      case 'miss':
        this.misses += 1;
        return;
      case 'expired':
        this.expired += 1;
        return;
      case 'stale':
        this.stale += 1;
        return;
      case 'bypassed':
        this.bypassed += 1;
    }
  }

  /** Counts a run of the method. */
  loaded(failed: boolean): void {
    if (failed) this.failedLoads += 1;
    else this.loads += 1;
  }
}

/** Actions counted apart; scopes may be made at run time (`CacheService`), and those beyond it are counted as one. */
const MAX_ACTIONS = 1000;

/** The counters of all actions of an engine, bounded (I19). */
export class ReadCounterRegistry {
  private readonly scopes = new Map<string, Map<string, ReadCounters>>();
  private readonly apart: ReadCounters[] = [];
  private rest: ReadCounters | null = null;

  constructor(private readonly maxActions: number = MAX_ACTIONS) {}

  /** The counters of an action; always the same for one action. */
  of(scope: string, action: string): ReadCounters {
    const known = this.scopes.get(scope)?.get(action);
    if (known !== undefined) return known;
    if (this.apart.length >= this.maxActions) return (this.rest ??= new ReadCounters(OTHER_ACTIONS, OTHER_ACTIONS));
    const counters = new ReadCounters(scope, action);
    const actions = this.scopes.get(scope) ?? new Map<string, ReadCounters>();
    this.scopes.set(scope, actions.set(action, counters));
    this.apart.push(counters);
    return counters;
  }

  /** In order of first use; what is counted as one comes last. */
  all(): ReadCounters[] {
    return this.rest === null ? [...this.apart] : [...this.apart, this.rest];
  }
}
