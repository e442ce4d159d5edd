import type { Clock } from '../../core/clock/clock.port.js';
import { InvalidationIntent } from '../../core/invalidation/intent.js';
import type { InvalidationService } from '../../core/invalidation/invalidation-service.js';
import type { CommitPosition } from '../../core/outbox/commit-position.js';
import { UnreadableIntent } from '../../core/outbox/outbox-intent.js';
import type { OutboxRow } from '../../core/outbox/outbox-row.js';
import type { OutboxHint, OutboxStore } from '../../core/outbox/outbox-store.port.js';
import { toInvalidationIntent } from './outbox-applier.js';

/** A row that was committed here and is not known to be applied. */
interface OpenRow {
  readonly position: CommitPosition;
  readonly intent: InvalidationIntent;
  readonly sinceMs: number;
  /** Called when it is applied. */
  readonly kept: () => void;
}

/** So many rows are followed one by one; those beyond are covered by one promise of everything (I19). */
const MAX_OPEN = 10_000;
/** Rows that this process has not applied by then are asked after: another instance may have, ms. */
const ASK_AFTER_MS = 200;
/** Commits asked after at a time. */
const ASKED_AT_ONCE = 20;

/**
 * Own writes (G5). What was committed here is forgotten in this process's memory before its writer goes on, whatever else
 * can be reached, and nothing of its targets is taken from the shared tier until its rows are known to be applied, by
 * whichever instance. A transaction that is rolled back has no part in this.
 */
export class OwnWrites {
  private readonly open = new Map<string, OpenRow>();
  /** Covers the rows beyond the limit; `lastMs` is when the latest of them was committed. */
  private crowd: { readonly kept: () => void; lastMs: number } | null = null;
  private asking = false;

  constructor(
    private readonly outbox: OutboxStore,
    private readonly invalidations: InvalidationService,
    private readonly namespace: string,
    private readonly clock: Clock,
  ) {}

  /** True while there are rows that are not known to be applied. */
  get pending(): boolean {
    return this.open.size > 0 || this.crowd !== null;
  }

  /** A commit of this process. In effect when it returns. */
  committed({ namespace, commitPosition, intents }: OutboxHint): void {
    if (namespace !== this.namespace || commitPosition === null) return;
    for (const recorded of intents) {
      if (!(recorded instanceof UnreadableIntent)) this.follow(commitPosition, toInvalidationIntent(recorded));
    }
  }

  /** Rows that this process has applied, or whose death it has made harmless. */
  applied(rows: readonly OutboxRow[]): void {
    for (const { commitPosition, targetHash } of rows) this.settle(rowKey(commitPosition, targetHash));
  }

  /** Asks after rows that other instances may have applied. */
  async askAfterOthers(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      const before = this.clock.monotonic() - ASK_AFTER_MS;
      const late = [...this.open.values()].filter(({ sinceMs }) => sinceMs <= before);
      const positions = new Map(late.map(({ position }) => [position.asStr(), position]));
      for (const position of [...positions.values()].slice(0, ASKED_AT_ONCE)) await this.askAfter(position);
      if (this.crowd !== null) await this.askAfterCrowd(this.crowd);
    } finally {
      this.asking = false;
    }
  }

  private follow(position: CommitPosition, intent: InvalidationIntent): void {
    const [key, sinceMs] = [rowKey(position, intent.targetHashHex()), this.clock.monotonic()];
    const room = this.open.size < MAX_OPEN;
    if (this.open.has(key) || !room) this.invalidations.forgetHere([intent]);
    else this.open.set(key, { position, intent, sinceMs, kept: this.invalidations.promise([intent]) });
    if (room) return;
    this.crowd ??= { kept: this.invalidations.promise([InvalidationIntent.flush()]), lastMs: sinceMs };
    this.crowd.lastMs = sinceMs;
  }

  private async askAfter(position: CommitPosition): Promise<void> {
    const { pending } = await this.outbox.statusForCommit(this.namespace, position);
    if (pending > 0) return;
    for (const [key, row] of this.open) {
      if (!row.position.equals(position)) continue;
      // A read under way may have been answered before the other instance applied it, and the log's message may be on its way.
      this.invalidations.forgetHere([row.intent]);
      this.settle(key);
    }
  }

  private async askAfterCrowd(crowd: NonNullable<typeof this.crowd>): Promise<void> {
    const askedMs = this.clock.monotonic();
    const { pending, oldestPendingAgeMs } = await this.outbox.status(this.namespace);
    const quietMs = askedMs - crowd.lastMs;
    if (quietMs <= 0 || (pending > 0 && oldestPendingAgeMs >= quietMs)) return;
    this.crowd = null;
    this.invalidations.forgetHere([InvalidationIntent.flush()]);
    crowd.kept();
  }

  private settle(key: string): void {
    const row = this.open.get(key);
    if (row === undefined) return;
    this.open.delete(key);
    row.kept();
  }
}

function rowKey(position: CommitPosition, targetHash: string): string {
  return `${targetHash} ${position.asStr()}`;
}
