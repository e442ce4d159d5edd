import type { Logger } from '@nestjs/common';
import { epochOf, nonceOf, positionOf } from '../../core/coherence/position.js';
import type { HistoryChange, HistorySegment, ReplayOutcome } from '../../core/coherence/shared-tier.port.js';
import type { LostPositions } from '../../core/outbox/lost-positions.js';
import type { OutboxStore } from '../../core/outbox/outbox-store.port.js';
import type { OutboxWorker } from '../../core/outbox/outbox-worker.js';

/** What was lost was published at most so long before the loss was known, ms: far more than a replica lags. */
const LAG_MS = 600_000;

/**
 * Applies again what a change of the log's history may have lost (G4): every published row whose position is not on the
 * path of histories that lead to the present one.
 */
export class HistoryReplay {
  constructor(
    private readonly outbox: OutboxStore,
    private readonly worker: OutboxWorker,
    private readonly namespace: string,
    private readonly logger: Logger,
  ) {}

  /** @throws what is worth trying again: the database or the log is away */
  async run(change: HistoryChange): Promise<ReplayOutcome> {
    const obstacle = await this.obstacle(change);
    if (obstacle !== null) return this.impossible(obstacle);
    try {
      const replayed = await this.worker.replay(lostFrom(change.path));
      if (replayed === null) return this.impossible('there are too many published rows to apply again');
      this.logger.warn(`The log's history has changed; ${replayed} rows of the outbox were applied again`);
      return 'replayed';
    } catch (error) {
      if (this.worker.options.isInfrastructureFailure(error)) throw error;
      return this.impossible(`a row cannot be applied again. ${String(error)}`);
    }
  }

  private async obstacle({ knownForMs }: HistoryChange): Promise<string | null> {
    if (knownForMs + LAG_MS > this.worker.options.retentionMs)
      return 'the outbox does not keep its rows for long enough';
    // The flush in a dead row's place may be among what was lost.
    if ((await this.outbox.status(this.namespace)).deadLettered > 0) return 'the outbox has dead rows';
    return null;
  }

  private impossible(why: string): ReplayOutcome {
    this.logger.warn(`The log's history has changed, and older entries of the shared tier are dropped: ${why}`);
    return 'impossible';
  }
}

/** Rows applied in a history from before the path matter no more: no valid entry is as old. */
function lostFrom(path: readonly HistorySegment[]): LostPositions {
  const preserved = path.map(({ era, upTo }) => ({
    startsWith: epochOf(era),
    endsWith: nonceOf(era),
    upTo: upTo === null ? null : positionOf(era, upTo),
  }));
  return { from: preserved[0]!.startsWith, preserved };
}
