import type { Invalidation } from './invalidation.js';
import { COHERENT_LOG, type LogCapabilities } from './tier-capabilities.js';

/** Who follows the log. Both calls are synchronous: when they return, local state reflects them. */
export interface LogListener {
  /**
   * Called for every invalidation of the namespace in log order, this instance's own included. May be called twice for one.
   *
   * @param position where it stands in the log
   */
  apply(invalidation: Invalidation, position: string): void;
  /** Continuity was lost (gap, other history, expired lease beyond repair): drop all local state. */
  reset(cause: ResetCause): void;
}

/** Why what an instance holds is no longer known to be right. */
export type ResetCause = 'history' | 'gap' | 'lost-message' | 'forged-message';

/** What an append waits for: executed in the log, or no live instance can serve the old value any more (G9). */
export type AppendWait = 'applied' | 'cluster';

/** How an append is made. */
export interface AppendOptions {
  /** `cluster` only where the capabilities have `clusterWait`. @default 'applied' */
  readonly wait?: AppendWait;
}

/** What an append did. */
export interface AppendReceipt {
  /** Where the invalidation stands in the log; text order is log order along one history. */
  readonly position: string;
  /** Entries of the named keys that the shared tier held and dropped (0 when there is no shared tier). */
  readonly removed: number;
}

/** State of a log as data, for health and metrics. */
export interface LogHealth {
  readonly kind: string;
  /** `live`: current; `suspect`: serving under an old lease; `detached`: cut off; `closed`. */
  readonly state: 'starting' | 'live' | 'suspect' | 'detached' | 'closed';
  readonly position: string;
  /** How long the lease still runs, ms; `null` where none is needed. */
  readonly leaseMs: number | null;
  /** History identity (era) or `null`. */
  readonly lineage: string | null;
  readonly lastErrorCode: string | null;
  /** Settings of the server that weaken a guarantee, each with its cure. */
  readonly warnings: readonly string[];
}

/**
 * The ordered stream of applied invalidations of one namespace: in memory for one process, in Redis for a cluster.
 * Coherence rests on this port alone; see `docs/coherence.md`.
 */
export abstract class InvalidationLog {
  /** Technology, e.g. `memory`, `redis`. */
  abstract readonly kind: string;

  /** What it promises across instances; a log that can do less than the protocol asks says so here. */
  readonly capabilities: LogCapabilities = COHERENT_LOG;

  /** True when L1 may only be served under a lease, because the log is shared with other processes. */
  abstract readonly leased: boolean;

  /** L, ms: the published bound on how old an answer from memory may be. 0 where invalidations are applied at once. */
  abstract readonly leaseMs: number;

  /** Starts following. Resolves at once where the log is unreachable: an absent log never stops an application (G6). */
  abstract open(listener: LogListener): Promise<void>;

  /**
   * Executes an invalidation. When it resolves, every read that begins later on this instance reflects it (G5), and so
   * does every read of the shared tier (G3).
   *
   * @throws CacheError when it was not executed or when that is unknown (G7); it may be repeated, it is idempotent.
   *   `LARDER_WAIT_UNSUPPORTED` for a wait it cannot give, and then nothing was executed
   */
  abstract append(invalidation: Invalidation, options?: AppendOptions): Promise<AppendReceipt>;

  /** True when, at monotonic instant `now`, everything acknowledged before `now - L` is known to be applied here (G2). */
  abstract leaseLive(now: number): boolean;

  /** Resolves `true` once this instance has applied `position`, `false` after `timeoutMs`. */
  abstract waitApplied(position: string, timeoutMs: number): Promise<boolean>;

  abstract health(): LogHealth;

  abstract close(): Promise<void>;
}
