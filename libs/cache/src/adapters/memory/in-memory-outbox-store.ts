import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock/clock.port.js';
import { SystemClock } from '../../core/clock/system-clock.js';
import { CommitPosition } from '../../core/outbox/commit-position.js';
import { InvalidationReceipt } from '../../core/outbox/invalidation-receipt.js';
import { mayBeLost } from '../../core/outbox/lost-positions.js';
import type { OutboxBatch } from '../../core/outbox/outbox-intent.js';
import type { OutboxRow, RowClaim, RowReference } from '../../core/outbox/outbox-row.js';
import { OutboxState } from '../../core/outbox/outbox-state.js';
import type { CommitStatus, OutboxStatus } from '../../core/outbox/outbox-status.js';
import {
  OutboxStore,
  type DeadLetterPage,
  type OutboxHint,
  type OutboxHintListener,
  type ReplayRequest,
} from '../../core/outbox/outbox-store.port.js';
import { newOutboxRow } from './new-outbox-row.js';

/**
 * The outbox of a single process, for development and tests: the rules of the durable one, without its durability. A batch
 * counts as committed when `enqueue` resolves.
 */
export class InMemoryOutboxStore extends OutboxStore {
  override readonly shared = false;
  private readonly byId = new Map<string, OutboxRow>();
  /** In order of publishing. */
  private readonly published = new Map<string, OutboxRow>();
  private readonly listeners = new Set<OutboxHintListener>();
  private readonly underWay = new Set<string>();

  constructor(private readonly clock: Clock = new SystemClock()) {
    super();
  }

  override open(): Promise<void> {
    return Promise.resolve();
  }

  override async enqueue(
    namespace: string,
    commitPosition: CommitPosition | string,
    batch: OutboxBatch,
  ): Promise<number> {
    const position = CommitPosition.from(commitPosition);
    const before = this.byId.size;
    for (const intent of batch.intents) {
      const row = newOutboxRow(namespace, position, intent, batch.reason, this.clock.wall());
      if (!this.byId.has(row.id)) this.byId.set(row.id, row);
    }
    const added = this.byId.size - before;
    if (added > 0) this.hint({ namespace, commitPosition: position, intents: batch.intents });
    return added;
  }

  override async record(namespace: string, batch: OutboxBatch): Promise<InvalidationReceipt> {
    const position = `memory:${randomUUID()}`;
    const rows = await this.enqueue(namespace, position, batch);
    return new InvalidationReceipt(namespace, position, { rows, createdAtMs: this.clock.wall() });
  }

  override async claim(
    namespace: string,
    owner: string,
    limit: number,
    claimTtlMs: number,
    commitPosition?: CommitPosition,
  ): Promise<OutboxRow[]> {
    const now = this.clock.wall();
    const due = this.rows().filter(
      (row) =>
        row.namespace === namespace &&
        row.state === OutboxState.Pending &&
        row.availableAtMs <= now &&
        (row.claimedAtMs === null || row.claimedAtMs + claimTtlMs <= now) &&
        (commitPosition === undefined || row.commitPosition.equals(commitPosition)),
    );
    return due
      .sort(byAvailability)
      .slice(0, limit)
      .map((row) => this.update(row, { claimedAtMs: now, claimOwner: owner, claimSeq: row.claimSeq + 1 }));
  }

  override async markPublished(
    references: readonly RowReference[],
    appliedPosition: string | null = null,
  ): Promise<number> {
    const rows = references.map((reference) => this.changeable(reference)).filter((row) => row !== null);
    const publishedAtMs = this.clock.wall();
    for (const row of rows) {
      const changes = { state: OutboxState.Published, publishedAtMs, lastError: null, appliedPosition } as const;
      this.published.set(row.id, this.update(row, { ...UNCLAIMED, ...changes }));
    }
    this.forgetOldest();
    return rows.length;
  }

  override async markFailed(
    reference: RowReference,
    error: string,
    backoffMs: number,
    dead: boolean,
  ): Promise<boolean> {
    const row = this.changeable(reference);
    if (row === null) return false;
    const next = dead
      ? { state: OutboxState.Dead }
      : { state: OutboxState.Pending, availableAtMs: this.clock.wall() + backoffMs };
    this.update(row, { ...UNCLAIMED, ...next, attempts: row.attempts + 1, lastError: error });
    return true;
  }

  override async release(claims: readonly RowClaim[], delayMs = 0): Promise<number> {
    const rows = claims.map((claim) => this.changeable(claim)).filter((row) => row !== null);
    const availableAtMs = this.clock.wall() + delayMs;
    for (const row of rows) this.update(row, delayMs > 0 ? { ...UNCLAIMED, availableAtMs } : UNCLAIMED);
    return rows.length;
  }

  override async renew(claims: readonly RowClaim[]): Promise<string[]> {
    const held = claims
      .map((claim) => this.changeable(claim))
      .filter((row) => row !== null && row.claimedAtMs !== null);
    return held.map((row) => this.update(row!, { claimedAtMs: this.clock.wall() }).id);
  }

  override async resetDeadLetters(namespace: string, ids?: readonly string[]): Promise<number> {
    const all = await this.deadLetters(namespace, { limit: Number.POSITIVE_INFINITY });
    const dead = ids === undefined ? all : all.filter(({ id }) => ids.includes(id));
    const availableAtMs = this.clock.wall();
    for (const row of dead) {
      this.update(row, { ...UNCLAIMED, state: OutboxState.Pending, availableAtMs, attempts: 0, lastError: null });
    }
    return dead.length;
  }

  override async status(namespace: string): Promise<OutboxStatus> {
    const status = { pending: 0, deadLettered: 0, failedAttempts: 0, lastPublishedAtMs: null as number | null };
    let oldest = Infinity;
    for (const row of this.byId.values()) {
      if (row.namespace !== namespace) continue;
      status.failedAttempts += row.attempts;
      if (row.state === OutboxState.Dead) status.deadLettered += 1;
      if (row.state === OutboxState.Pending) {
        status.pending += 1;
        oldest = Math.min(oldest, row.createdAtMs);
      }
      if (row.publishedAtMs !== null)
        status.lastPublishedAtMs = Math.max(status.lastPublishedAtMs ?? 0, row.publishedAtMs);
    }
    const oldestPendingAgeMs = status.pending === 0 ? 0 : Math.max(0, this.clock.wall() - oldest);
    return { ...status, oldestPendingAgeMs };
  }

  override async statusForCommit(namespace: string, commitPosition: CommitPosition | string): Promise<CommitStatus> {
    const position = CommitPosition.from(commitPosition);
    const rows = this.rows().filter((row) => row.namespace === namespace && row.commitPosition.equals(position));
    const inState = (state: OutboxState): number => rows.filter((row) => row.state === state).length;
    return {
      rows: rows.length,
      pending: inState(OutboxState.Pending),
      published: inState(OutboxState.Published),
      deadLettered: inState(OutboxState.Dead),
      appliedPosition:
        rows
          .flatMap((row) => row.appliedPosition ?? [])
          .sort()
          .at(-1) ?? null,
    };
  }

  override async find(id: string): Promise<OutboxRow | null> {
    return this.row(id);
  }

  /** One row by id. */
  row(id: string): OutboxRow | null {
    return this.byId.get(id) ?? null;
  }

  /** Every row, in order of arrival; for diagnostics and tests. */
  rows(): OutboxRow[] {
    return [...this.byId.values()];
  }

  override async deadLetters(namespace: string, { limit, after }: DeadLetterPage): Promise<OutboxRow[]> {
    const wanted = (row: OutboxRow): boolean =>
      row.namespace === namespace && row.state === OutboxState.Dead && (after === undefined || byAge(row, after) > 0);
    return this.rows().filter(wanted).sort(byAge).slice(0, limit);
  }

  override async replayable({ namespace, afterId = '', limit, ...lost }: ReplayRequest): Promise<OutboxRow[]> {
    const needed = ({ state, claimedAtMs, appliedPosition }: OutboxRow): boolean =>
      state === OutboxState.Pending
        ? claimedAtMs !== null
        : state === OutboxState.Published && mayBeLost(appliedPosition, lost);
    return this.rows()
      .filter((row) => row.namespace === namespace && row.id > afterId && needed(row))
      .sort((a, b) => compare(a.id, b.id))
      .slice(0, limit);
  }

  override async markReplayed(ids: readonly string[], appliedPosition: string | null): Promise<void> {
    const rows = ids.map((id) => this.row(id)).filter((row) => row?.state === OutboxState.Published);
    for (const row of rows) this.published.set(row!.id, this.update(row!, { appliedPosition }));
  }

  override async exclusively<Result>(name: string, work: () => Promise<Result>): Promise<Result | null> {
    if (this.underWay.has(name)) return null;
    this.underWay.add(name);
    return work().finally(() => this.underWay.delete(name));
  }

  override async prune(namespace: string, olderThanMs: number, limit: number): Promise<number> {
    const before = this.clock.wall() - olderThanMs;
    const old = [...this.published.values()].filter(
      (row) => row.namespace === namespace && row.publishedAtMs! < before,
    );
    for (const row of old.slice(0, limit)) {
      this.published.delete(row.id);
      this.byId.delete(row.id);
    }
    return Math.min(old.length, limit);
  }

  override onHint(listener: OutboxHintListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  override async close(): Promise<void> {
    this.listeners.clear();
  }

  /** The row a mark may still change: a claim must stand, an id alone may name any row that is not published. */
  private changeable(reference: RowReference): OutboxRow | null {
    const row = this.row(typeof reference === 'string' ? reference : reference.id);
    if (row === null || row.state === OutboxState.Published) return null;
    if (typeof reference === 'string') return row;
    return row.state === OutboxState.Pending && row.claimSeq === reference.claimSeq ? row : null;
  }

  private update(row: OutboxRow, changes: Partial<OutboxRow>): OutboxRow {
    const next = { ...row, ...changes };
    this.byId.set(row.id, next);
    return next;
  }

  /** The writer does not wait for its listeners, and their failure is not its own: publishing is the worker's business. */
  private hint(hint: OutboxHint): void {
    void Promise.allSettled([...this.listeners].map(async (listener) => listener(hint)));
  }

  /** Published rows only answer "was it done?"; the oldest make room, so that a process without a database stays bounded. */
  private forgetOldest(): void {
    for (const row of this.published.values()) {
      if (this.published.size <= MAX_PUBLISHED) return;
      this.published.delete(row.id);
      this.byId.delete(row.id);
    }
  }
}

/** Published rows kept; the durable store keeps them by age. */
const MAX_PUBLISHED = 1_000;
const UNCLAIMED = { claimedAtMs: null, claimOwner: null } as const;

function byAvailability(a: OutboxRow, b: OutboxRow): number {
  return a.availableAtMs - b.availableAtMs || byAge(a, b);
}

function byAge(a: Pick<OutboxRow, 'createdAtMs' | 'id'>, b: Pick<OutboxRow, 'createdAtMs' | 'id'>): number {
  return a.createdAtMs - b.createdAtMs || compare(a.id, b.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
