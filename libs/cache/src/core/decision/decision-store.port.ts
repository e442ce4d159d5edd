import type { DecisionEntry, DecisionFacets } from './decision-entry.js';
import type { DecisionRemoval } from './decision-removal.js';

/** An entry as it is kept. */
export interface KeptDecision {
  readonly entry: DecisionEntry;
  /** Grows with every write of the key; two entries of a key never share one. */
  readonly version: bigint;
  /** What is left of its life by the store's own clock, ms; 0 or less: expired. */
  readonly remainingMs: number;
}

/** How a key stood when it was read. Whoever decides anew shows it with what was decided. */
export interface DecisionMark {
  /** The last removal that had been announced by then. */
  readonly fence: bigint;
  /** The version that was kept; 0: none. */
  readonly version: bigint;
  /** The store's clock, Unix ms. */
  readonly storeTimeMs: number;
}

export interface DecisionLookup {
  /** `null`: nothing is kept. */
  readonly kept: KeptDecision | null;
  readonly mark: DecisionMark;
}

/**
 * What is to be written. With a mark: what was decided after the key was read, kept only if no removal that hits it was
 * announced since, and if the key stands as it was read. Without one: written outright, the last writer wins.
 */
export interface DecisionWrite {
  readonly entry: DecisionEntry;
  readonly mark: DecisionMark | null;
}

/** A write that was kept. */
export interface WrittenDecision {
  readonly version: bigint;
  /** What is left of its life by the store's own clock, ms. */
  readonly remainingMs: number;
}

/** A removal under way: announced, so that nothing decided before it can be written any more. */
export interface DecisionFence {
  readonly removal: DecisionRemoval;
  /** Everything written under an earlier mark goes. */
  readonly fence: bigint;
}

/** A step of a removal. */
export interface DecisionRemovalStep {
  readonly removed: number;
  /** Some of the keys removed, at most 100. */
  readonly keys: readonly string[];
  /** Where the next step begins; `null`: nothing is left. */
  readonly next: string | null;
}

/** An entry that was once kept, and what became of it. */
export interface PastDecision extends DecisionFacets {
  readonly version: bigint;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** The request id of the first removal that hit it; `null`: none did before it was replaced, or it stands. */
  readonly removedBy: string | null;
}

/**
 * The durable tier of decisions, which counts as their source: the caches in front keep what was read from it, and it keeps
 * entries past their life until they are pruned. What makes a removal final is the fence: it is announced first, and from
 * then on nothing that was decided from before it is written, by whichever process and however late.
 *
 * Every rule is checked by the contract suite `describeDecisionStore` of `nestjs-larder/testing`.
 */
export abstract class DecisionStore {
  /** Names the tier in `DecisionResult.source`, e.g. `postgres`. */
  abstract readonly name: string;

  /** True where all instances of an application see the same entries. */
  abstract readonly shared: boolean;

  /** Prepares the store (schema). Called once before use; calling it again is harmless. */
  abstract open(): Promise<void>;

  /** Reads an entry, expired or not, and the mark, both of one instant. */
  abstract find(namespace: string, veriKey: string): Promise<DecisionLookup>;

  /** Writes, in one step; keys are distinct. `null` in the place of a write that was refused. */
  abstract write(namespace: string, writes: readonly DecisionWrite[]): Promise<readonly (WrittenDecision | null)[]>;

  /** Announces a removal. When it resolves, every write is either there to be removed or refused. */
  abstract fence(namespace: string, removal: DecisionRemoval, requestId: string): Promise<DecisionFence>;

  /**
   * Removes a bounded part of what an announced removal hits.
   *
   * @param from where the step before has ended; `''` for the first
   */
  abstract remove(namespace: string, fence: DecisionFence, from: string): Promise<DecisionRemovalStep>;

  /** Removes up to `limit` entries that have expired by the store's own clock; returns their keys. */
  abstract prune(namespace: string, limit: number): Promise<readonly string[]>;

  /**
   * Forgets up to `limit` of each of: entries of the past and fences older than the store keeps them. Returns how many went;
   * 0: there are no more.
   */
  abstract forget(namespace: string, limit: number): Promise<number>;

  /** The entries that a key has had, newest first, at most `limit`. */
  abstract past(namespace: string, veriKey: string, limit: number): Promise<readonly PastDecision[]>;

  /** Entries kept, expired ones included: exact up to 100,000, an estimate beyond. */
  abstract count(namespace: string): Promise<number>;

  /** Rejects where the store does not answer. */
  abstract probe(): Promise<void>;

  abstract close(): Promise<void>;
}
