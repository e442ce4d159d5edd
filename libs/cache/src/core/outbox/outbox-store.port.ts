import type { CommitPosition } from './commit-position.js';
import type { InvalidationReceipt } from './invalidation-receipt.js';
import type { LostPositions } from './lost-positions.js';
import type { OutboxBatch, OutboxIntent } from './outbox-intent.js';
import type { OutboxRow, RowClaim, RowReference } from './outbox-row.js';
import type { CommitStatus, OutboxStatus } from './outbox-status.js';
import type { TransactionContext } from './transaction-context.js';

/** Says that a store may hold new rows: after a local commit (with its position), or woken by the database (without). */
export interface OutboxHint {
  /** `null`: any. */
  readonly namespace: string | null;
  readonly commitPosition: CommitPosition | null;
  /** What this process has committed, for its own memory to forget before the writer goes on (G5); empty where it is not known. */
  readonly intents: readonly OutboxIntent[];
}

/** Told of a hint, of a local commit before its writer is. What it returns is awaited for a bounded time only, and its failure is never the writer's. */
export type OutboxHintListener = (hint: OutboxHint) => Promise<void> | void;

/** A page of the rows to be applied again: continues after the given row. */
export interface ReplayRequest extends LostPositions {
  readonly namespace: string;
  /** Continues after this row id; @default from the first */
  readonly afterId?: string;
  readonly limit: number;
}

/** A page of the dead rows. */
export interface DeadLetterPage {
  readonly limit: number;
  /** Continues after this row, whatever has become of it. @default from the oldest */
  readonly after?: Pick<OutboxRow, 'createdAtMs' | 'id'>;
}

/**
 * Durable queue of intents. Times are taken from the store's own clock (a database's, where there is one), so that workers
 * on machines with different clocks agree.
 *
 * Every rule below is checked by the contract suite `describeOutboxStore` of `nestjs-larder/testing`.
 */
export abstract class OutboxStore {
  /** Tells whether a call runs inside a transaction; `null` where there are none. */
  readonly transactions: TransactionContext | null = null;

  /** True where all instances of an application see the same rows: one of them can then apply again what any had applied. */
  abstract readonly shared: boolean;

  /**
   * Prepares the store (schema, connections). Called once before use.
   *
   * @param namespace the application's own: the one of writes that name none. @default 'app'
   */
  abstract open(namespace?: string): Promise<void>;

  /**
   * Records a batch for a commit. Idempotent on (namespace, commit position, target): returns the number of *new* rows, and
   * the first reason stays (REQ-004-13).
   */
  abstract enqueue(namespace: string, commitPosition: CommitPosition | string, batch: OutboxBatch): Promise<number>;

  /**
   * Records a batch under a commit position of the store's own: in the database transaction the caller is in, where the
   * store can tell, else in one of its own. Rolled back with that transaction (REQ-004-15).
   */
  abstract record(namespace: string, batch: OutboxBatch): Promise<InvalidationReceipt>;

  /**
   * Leases pending rows that are due and unclaimed (or whose claim has lapsed), ordered by availability, creation and id.
   * Two claims at once never share a row (REQ-004-17..20).
   *
   * @param owner written to the rows for operators; the fence is `claimSeq`, so owners need not be unique
   * @param limit most rows claimed; 0 claims none
   * @param claimTtlMs a claim older than this has lapsed and is taken over; 0 takes over at once
   * @param commitPosition claims only the rows of this commit
   */
  abstract claim(
    namespace: string,
    owner: string,
    limit: number,
    claimTtlMs: number,
    commitPosition?: CommitPosition,
  ): Promise<OutboxRow[]>;

  /**
   * Marks applied rows published. A fenced reference counts only while its claim stands; published rows stay as they are;
   * unknown ids are ignored.
   *
   * @param appliedPosition where the rows stand in the invalidation log
   * @returns how many rows became published
   */
  abstract markPublished(rows: readonly RowReference[], appliedPosition?: string | null): Promise<number>;

  /**
   * Records a failed attempt: dead, or pending again after `backoffMs`. A stale fence, a published row and an unknown id
   * are left alone.
   *
   * @returns whether the row was changed
   */
  abstract markFailed(row: RowReference, error: string, backoffMs: number, dead: boolean): Promise<boolean>;

  /**
   * Gives claims back without counting an attempt: the row was not at fault, or the worker stops.
   *
   * @param delayMs pause before the rows may be claimed again; @default 0
   */
  abstract release(rows: readonly RowClaim[], delayMs?: number): Promise<number>;

  /** Renews claims from now; returns the ids still held. */
  abstract renew(rows: readonly RowClaim[]): Promise<string[]>;

  /**
   * Makes dead rows of the namespace pending again with no attempts (REQ-004-25).
   *
   * @param ids these alone; unknown ids and rows that are not dead are left as they are. @default every dead row
   * @returns how many rows became pending
   */
  abstract resetDeadLetters(namespace: string, ids?: readonly string[]): Promise<number>;

  abstract status(namespace: string): Promise<OutboxStatus>;

  abstract statusForCommit(namespace: string, commitPosition: CommitPosition | string): Promise<CommitStatus>;

  /** One row by id, for operators and tests. */
  abstract find(id: string): Promise<OutboxRow | null>;

  /** Dead rows of a namespace, oldest first; the cost of a page does not grow with its depth. */
  abstract deadLetters(namespace: string, page: DeadLetterPage): Promise<OutboxRow[]>;

  /**
   * Rows that a lost part of the log may have held, ordered by id, to be applied again (G4): published ones without a
   * position or with one that is not preserved, and claimed ones, which may have been applied and not marked yet.
   */
  abstract replayable(request: ReplayRequest): Promise<OutboxRow[]>;

  /** Notes where published rows were applied again; rows in other states stay as they are. */
  abstract markReplayed(ids: readonly string[], appliedPosition: string | null): Promise<void>;

  /**
   * Does work that one instance at a time should do. `null` where another is at it. When the winner dies, or loses its
   * connection, another one can win: the work must bear being done twice.
   */
  abstract exclusively<Result>(name: string, work: () => Promise<Result>): Promise<Result | null>;

  /** Deletes up to `limit` rows published more than `olderThanMs` ago; returns their number. Other states are never pruned. */
  abstract prune(namespace: string, olderThanMs: number, limit: number): Promise<number>;

  /** Subscribes to hints; returns the way out. A lost hint is made good by polling. */
  abstract onHint(listener: OutboxHintListener): () => void;

  abstract close(): Promise<void>;
}
