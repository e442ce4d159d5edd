import type { Timer } from '../clock/clock.port.js';
import type { InvalidationApplier } from './invalidation-applier.js';
import { UnreadableIntent } from './outbox-intent.js';
import type { OutboxRow } from './outbox-row.js';
import type { OutboxStore } from './outbox-store.port.js';
import type { ResolvedOutboxWorkerOptions } from './outbox-worker.options.js';

/** What became of one batch. */
export interface DeliveryResult {
  published: number;
  retried: number;
  deadLettered: number;
}

interface Failure {
  readonly row: OutboxRow;
  readonly error: string;
  /** True when repeating cannot help. */
  readonly hopeless: boolean;
}

/**
 * Carries one claimed batch through: apply, then mark, never the other way round (REQ-004-28). Rows with the same target
 * are applied once and share the outcome. While it works it renews the claims, so that a slow batch is not taken over; if
 * it is nevertheless, the fence of each row makes its marks void.
 */
export class BatchDelivery {
  /** By position: the log's history may change between two of them, and only one of the positions be lost. */
  private readonly applied = new Map<string | null, OutboxRow[]>();
  private readonly failures: Failure[] = [];
  /** Neither applied nor failed. */
  private readonly open: Set<OutboxRow>;
  private outage: { readonly error: string; readonly rows: readonly OutboxRow[] } | null = null;
  private renewal: Timer | null = null;

  constructor(
    rows: readonly OutboxRow[],
    private readonly store: OutboxStore,
    private readonly applier: InvalidationApplier,
    private readonly options: ResolvedOutboxWorkerOptions,
    private readonly stopping: () => boolean,
  ) {
    this.open = new Set(rows);
  }

  async run(): Promise<DeliveryResult> {
    this.scheduleRenewal();
    try {
      await this.applyAll();
      return await this.settle();
    } finally {
      this.renewal?.cancel();
      this.renewal = null;
    }
  }

  /** Gives back what was not applied yet. A mark that still arrives counts only if nobody has claimed the row since. */
  async abandon(): Promise<void> {
    this.renewal?.cancel();
    if (this.open.size > 0) await this.store.release([...this.open]);
  }

  private async applyAll(): Promise<void> {
    const targets = this.rowsByTarget();
    if (targets.length > 1 && (await this.applyTogether(targets))) return;
    for (const rows of targets) {
      if (this.stopping() || this.outage !== null) return;
      await this.applyOne(rows);
    }
  }

  private rowsByTarget(): OutboxRow[][] {
    const targets = new Map<string, OutboxRow[]>();
    for (const row of this.open) {
      if (row.intent instanceof UnreadableIntent) {
        this.fail([row], row.intent.problem, true);
        continue;
      }
      const rows = targets.get(row.targetHash);
      if (rows === undefined) targets.set(row.targetHash, [row]);
      else rows.push(row);
    }
    return [...targets.values()];
  }

  /** True when nothing is left to do one by one. */
  private async applyTogether(targets: readonly OutboxRow[][]): Promise<boolean> {
    if (this.applier.applyBatch === undefined) return false;
    try {
      this.succeed(targets.flat(), await this.applier.applyBatch(targets.map((rows) => rows[0]!)));
      return true;
    } catch (error) {
      if (!this.options.isInfrastructureFailure(error)) return false;
      this.outage = { error: messageOf(error), rows: targets.flat() };
      return true;
    }
  }

  private async applyOne(rows: readonly OutboxRow[]): Promise<void> {
    const row = rows[0]!;
    try {
      this.succeed(rows, await this.applier.applyInvalidation(row.intent, row));
    } catch (error) {
      if (this.options.isInfrastructureFailure(error)) this.outage = { error: messageOf(error), rows };
      else this.fail(rows, messageOf(error), false);
    }
  }

  private succeed(rows: readonly OutboxRow[], position: string | null | void): void {
    const together = this.applied.get(position ?? null) ?? [];
    this.applied.set(position ?? null, together);
    for (const row of rows) {
      this.open.delete(row);
      together.push(row);
    }
  }

  private fail(rows: readonly OutboxRow[], error: string, hopeless: boolean): void {
    for (const row of rows) {
      this.open.delete(row);
      this.failures.push({ row, error, hopeless });
    }
  }

  private async settle(): Promise<DeliveryResult> {
    const result: DeliveryResult = { published: 0, retried: 0, deadLettered: 0 };
    if (this.applied.size > 0) result.published = await this.settleApplied();
    for (const failure of this.failures) {
      const outcome = await this.settleFailure(failure);
      if (outcome === 'dead') result.deadLettered += 1;
      if (outcome === 'retried') result.retried += 1;
    }
    if (this.open.size > 0) await this.settleOpen();
    return result;
  }

  private async settleApplied(): Promise<number> {
    let published = 0;
    for (const [position, rows] of this.applied) {
      published += await this.store.markPublished(rows, position);
      const oldest = Math.min(...rows.map((row) => row.createdAtMs));
      const lagMs = Math.max(0, this.options.clock.wall() - oldest);
      this.options.events?.emit('published', { rows, lagMs });
    }
    return published;
  }

  private async settleFailure({ row, error, hopeless }: Failure): Promise<'dead' | 'retried' | 'lost'> {
    const dead = (hopeless || row.attempts + 1 >= this.options.maxAttempts) && (await this.madeHarmless(row, error));
    if (!(await this.store.markFailed(row, error, this.options.backoffMs, dead))) return 'lost';
    this.options.events?.emit(dead ? 'dead' : 'retried', { row, error });
    return dead ? 'dead' : 'retried';
  }

  /** Before the row is dead, not after: a crash in between must not leave stale data behind a row nobody looks at. */
  private async madeHarmless(row: OutboxRow, error: string): Promise<boolean> {
    try {
      await this.options.onDead(row, error);
      return true;
    } catch (cause) {
      this.options.events?.emit('failed', { namespace: row.namespace, error: cause, pauseMs: this.options.backoffMs });
      return false;
    }
  }

  private async settleOpen(): Promise<void> {
    // Rows that met the outage step back, so that those which always look like an outage do not block the others.
    const suspects = this.outage?.rows ?? [];
    const others = [...this.open].filter((row) => !suspects.includes(row));
    if (suspects.length > 0) await this.store.release(suspects, this.options.backoffMs);
    if (others.length > 0) await this.store.release(others);
    this.options.events?.emit('released', { rows: [...this.open], error: this.outage?.error ?? 'the worker stops' });
  }

  private scheduleRenewal(): void {
    const { claimTtlMs, clock } = this.options;
    if (claimTtlMs <= 0) return;
    this.renewal = clock.schedule(claimTtlMs / 3, () => {
      this.scheduleRenewal();
      // A renewal that fails is made good by the next one, and a claim that lapses by the fence.
      this.store.renew(this.inHand()).catch((error: unknown) => {
        this.options.events?.emit('failed', { namespace: this.namespace(), error, pauseMs: 0 });
      });
    });
  }

  private namespace(): string {
    return this.inHand()[0]?.namespace ?? '';
  }

  private inHand(): OutboxRow[] {
    return [...this.open, ...[...this.applied.values()].flat()];
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
