import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock/clock.port.js';
import type { Invalidation } from '../../core/coherence/invalidation.js';
import { eraOfPosition, type Era, type Position } from '../../core/coherence/position.js';

interface Executed {
  readonly invalidation: Invalidation;
  position: Position;
  /** Monotonic ms. */
  at: number;
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
  private readonly keptMs: number;

  constructor(
    private readonly clock: Clock,
    leaseMs: number,
  ) {
    this.keptMs = Math.max(KEPT_MS, 4 * leaseMs); // a change is repaired only where instances were heard of 3 leases ago
  }

  remember(invalidation: Invalidation, position: Position): void {
    const now = this.clock.monotonic();
    this.executed.push({ invalidation, position, at: now });
    if (this.executed.length <= MOST && now - this.executed[0]!.at <= 2 * this.keptMs) return;
    this.executed = this.executed.filter(({ at }) => now - at <= this.keptMs);
    if (this.executed.length > MOST) this.fold(this.executed.length - MOST / 2);
  }

  /**
   * Executes what was executed in another history than `era`, and remembers where it stands now: the next change may take
   * that too. What is not known to have been executed comes again.
   */
  async executeAgain(era: Era, execute: (invalidation: Invalidation) => Promise<Position>): Promise<void> {
    const oldest = this.clock.monotonic() - this.keptMs;
    const lost = this.executed.filter(({ position, at }) => at >= oldest && eraOfPosition(position) !== era);
    await Promise.all(
      lost.map(async (one) => {
        one.position = await execute(one.invalidation);
        one.at = this.clock.monotonic();
      }),
    );
  }

  /** The oldest of too many are covered by one flush (I19). */
  private fold(count: number): void {
    const folded = this.executed.slice(0, count);
    const { position, invalidation } = folded[0]!;
    const at = folded.reduce((latest, one) => Math.max(latest, one.at), 0);
    const everything = { keys: [], tags: [], patterns: [], flush: true, reason: 'many invalidations' };
    const flush = { ...everything, id: randomUUID(), origin: invalidation.origin };
    this.executed = [{ invalidation: flush, position, at }, ...this.executed.slice(count)];
  }
}
