import type { DecisionEntry } from './decision-entry.js';

/** How a lookup ended. */
export enum DecisionStatus {
  /** An entry was found and is valid. */
  CacheHit,
  /** No entry was found. */
  CacheMiss,
  /** The cache was passed by, as was asked for. */
  Bypassed,
  /** An entry was found and has expired. */
  Expired,
}

/** What a lookup found (REQ-000-04 to 12). Made by its factories. */
export class DecisionResult<Decision = unknown> {
  private constructor(
    readonly status: DecisionStatus,
    readonly entry: DecisionEntry<Decision> | null,
    /** The tier that answered (`memory`, `redis`, `postgres`, or `flight` for another's lookup), `expired`, or `null`. */
    readonly source: string | null,
    /** How long the lookup took, ms. */
    readonly elapsedMs: number,
  ) {}

  /** True for a hit alone: an expired entry is there to be seen, not to be used. */
  get wasCached(): boolean {
    return this.status === DecisionStatus.CacheHit;
  }

  static hit<Decision>(entry: DecisionEntry<Decision>, source: string, elapsedMs: number): DecisionResult<Decision> {
    return new DecisionResult(DecisionStatus.CacheHit, entry, source, elapsedMs);
  }

  static miss<Decision = unknown>(elapsedMs: number): DecisionResult<Decision> {
    return new DecisionResult<Decision>(DecisionStatus.CacheMiss, null, null, elapsedMs);
  }

  static bypassed<Decision = unknown>(): DecisionResult<Decision> {
    return new DecisionResult<Decision>(DecisionStatus.Bypassed, null, null, 0);
  }

  static expired<Decision>(entry: DecisionEntry<Decision>, elapsedMs: number): DecisionResult<Decision> {
    return new DecisionResult(DecisionStatus.Expired, entry, 'expired', elapsedMs);
  }
}
