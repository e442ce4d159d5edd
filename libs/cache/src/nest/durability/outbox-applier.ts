import type { InvalidationLog } from '../../core/coherence/invalidation-log.port.js';
import type { Tracing } from '../../core/events/tracing.js';
import { InvalidationIntent } from '../../core/invalidation/intent.js';
import type { InvalidationService } from '../../core/invalidation/invalidation-service.js';
import { InvalidationApplier } from '../../core/outbox/invalidation-applier.js';
import { UnreadableIntent, type OutboxIntent } from '../../core/outbox/outbox-intent.js';
import type { OutboxRow } from '../../core/outbox/outbox-row.js';

/** Applies rows of the outbox to the cache: the end of the durable road is the same removal road everybody takes. */
export class OutboxApplier extends InvalidationApplier {
  constructor(
    private readonly invalidations: InvalidationService,
    private readonly log: InvalidationLog,
    private readonly tracing: Tracing | null = null,
  ) {
    super();
  }

  override applyInvalidation(_intent: OutboxRow['intent'], row: OutboxRow): Promise<string> {
    return this.applyBatch([row]);
  }

  override applyBatch(rows: readonly OutboxRow[]): Promise<string> {
    if (this.tracing === null) return this.apply(rows);
    return this.tracing.inside('outbox.apply', { rows: rows.length }, async (span) => {
      const position = await this.apply(rows);
      span.set({ outcome: 'applied' });
      return position;
    });
  }

  private async apply(rows: readonly OutboxRow[]): Promise<string> {
    const first = rows[0]!;
    const reason = rows.every((row) => row.reason === first.reason)
      ? first.reason
      : `${rows.length} rows of the outbox`;
    const options = { reason, actor: 'outbox', requestId: `outbox-${first.id}-${first.claimSeq}` };
    const { position } = await this.invalidations.invalidate(
      rows.map(({ intent }) => toInvalidationIntent(intent)),
      options,
    );
    return position;
  }

  /**
   * While the main log is away nothing is claimed: an outage counts against no row. Another backend's outage does not keep
   * rows from the others: they are claimed, tried in all, and given back.
   */
  override available(): boolean {
    const { state } = this.log.health();
    return state === 'live' || state === 'suspect';
  }
}

/** @throws Error for an intent that cannot be read */
export function toInvalidationIntent(intent: OutboxIntent): InvalidationIntent {
  if (intent instanceof UnreadableIntent) throw new Error(intent.problem);
  return intent instanceof InvalidationIntent ? intent : InvalidationIntent.fromJSON(intent.toJSON());
}
