import type { Clock } from '../../core/clock/clock.port.js';
import type { Invalidation } from '../../core/coherence/invalidation.js';
import { eraOfPosition, type Era, type Position } from '../../core/coherence/position.js';

interface Executed {
  readonly invalidation: Invalidation;
  readonly position: Position;
  readonly at: number;
}

/** A replica lags by far less than this when it is promoted, ms. */
const KEPT_MS = 60_000;
const MOST = 10_000;

/**
 * What this instance had executed lately (coherence page, 2.8): after a change of history it is executed again, because
 * the promoted server may not have heard of it. Invalidations from an outbox are in the outbox; these are the others. Of
 * more than can be kept the oldest are forgotten; as long as those matter, everything is invalidated in their stead.
 */
export class RecentInvalidations {
  private executed: Executed[] = [];
  /** The latest of those that had to go before their time. */
  private forgotten: Executed | null = null;

  constructor(private readonly clock: Clock) {}

  remember(invalidation: Invalidation, position: Position): void {
    const now = this.clock.monotonic();
    this.executed.push({ invalidation, position, at: now });
    const first = this.executed[0]!;
    if (this.executed.length <= MOST && now - first.at <= 2 * KEPT_MS) return;
    const young = this.executed.filter((one) => this.matters(one));
    if (young.length > MOST) this.forgotten = young[young.length - MOST / 2 - 1]!;
    this.executed = young.length > MOST ? young.slice(-MOST / 2) : young;
  }

  /** Those executed in another history than `era`. */
  of(era: Era): readonly Invalidation[] {
    const foreign = (one: Executed): boolean => this.matters(one) && eraOfPosition(one.position) !== era;
    if (this.forgotten !== null && foreign(this.forgotten)) {
      return [{ ...this.forgotten.invalidation, keys: [], tags: [], patterns: [], flush: true }];
    }
    return this.executed.filter(foreign).map(({ invalidation }) => invalidation);
  }

  private matters({ at }: Executed): boolean {
    return this.clock.monotonic() - at <= KEPT_MS;
  }
}
