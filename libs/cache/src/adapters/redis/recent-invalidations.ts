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
 * the promoted server may not have heard of it. Invalidations from an outbox are in the outbox; these are the others.
 */
export class RecentInvalidations {
  private executed: Executed[] = [];

  constructor(private readonly clock: Clock) {}

  remember(invalidation: Invalidation, position: Position): void {
    const now = this.clock.monotonic();
    this.executed.push({ invalidation, position, at: now });
    const first = this.executed[0]!;
    if (this.executed.length <= MOST && now - first.at <= 2 * KEPT_MS) return;
    this.executed = this.executed.filter(({ at }) => now - at <= KEPT_MS).slice(-MOST / 2);
  }

  /** Those executed in another history than `era`. */
  of(era: Era): readonly Invalidation[] {
    const oldest = this.clock.monotonic() - KEPT_MS;
    return this.executed
      .filter(({ position, at }) => at >= oldest && eraOfPosition(position) !== era)
      .map(({ invalidation }) => invalidation);
  }
}
