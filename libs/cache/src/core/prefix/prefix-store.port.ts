import type { IndexScope, ScopePart } from './index-scope.js';
import type { StoredPrefix } from './prefix-entry.js';

/** What a store answers to a lookup. */
export interface StoredLookup {
  /** Live entries, each once, in any order. */
  readonly entries: readonly StoredPrefix[];
  /** The fence of the scope, of the same instant: what was begun here is refused once it is raised. */
  readonly fence: number;
}

/** When a write began: at a lookup, whose fence must still stand, or so long ago, ms. */
export type WriteBegin = { readonly fence: number } | { readonly agoMs: number };

export interface PrefixWrite {
  readonly scope: IndexScope;
  readonly hash: Uint8Array;
  readonly count: number;
  readonly tier: string;
  /** `null`: the tier's duration from now. */
  readonly expiresAt: Date | null;
  readonly began: WriteBegin;
}

export interface PrefixRefresh {
  readonly scope: IndexScope;
  readonly hash: Uint8Array;
  /** At least until then; `null`: nothing was named. */
  readonly expiresAt: Date | null;
  /** At least the duration of the entry's own tier from when it was read, so long ago, ms; `null`: it was not read. */
  readonly readAgoMs: number | null;
}

/** An entry as it stands after a write. */
export interface WrittenPrefix {
  readonly entry: StoredPrefix;
  /** The fence of its scope. */
  readonly fence: number;
}

export interface RefreshedPrefix extends WrittenPrefix {
  readonly scope: IndexScope;
}

/**
 * Where the entries of a prefix index are durable. Its own clock alone decides what is live. Scopes, hashes and counts reach
 * it checked, hashes of a lookup without repetition and at least one.
 *
 * Every rule is checked by the contract suite `describePrefixStore` of `nestjs-larder/testing`.
 */
export abstract class PrefixStore {
  /** Technology, e.g. `memory`, `postgres`. */
  abstract readonly kind: string;

  /** True where all instances of an application see the same entries. */
  abstract readonly shared: boolean;

  /** Prepares the place (schema). Called once before use. */
  abstract open(): Promise<void>;

  /** The live entries of a scope among `hashes`: expiry strictly after now. One statement; changes nothing. */
  abstract lookup(scope: IndexScope, hashes: readonly Uint8Array[]): Promise<StoredLookup>;

  /**
   * Durable when it resolves. An entry of the same scope and hash gets count, tier and expiry anew and keeps when it was
   * created. `null`: a part of its scope was taken away since it began, and nothing was written.
   */
  abstract write(write: PrefixWrite): Promise<WrittenPrefix | null>;

  /**
   * Moves expiry forward, never back, on live entries only: what has expired or was taken away stays so, what is absent is
   * passed over. One statement.
   *
   * @returns what is live now of the entries named
   */
  abstract refresh(refreshes: readonly PrefixRefresh[]): Promise<readonly RefreshedPrefix[]>;

  /**
   * Takes parts away for good: raises their fences, so that writes which began before are refused, and deletes what stands.
   * Idempotent. No lookup that begins after it finds anything of them that was written before.
   *
   * @returns how many live entries went
   */
  abstract remove(parts: readonly ScopePart[]): Promise<number>;

  /** Deletes at most `limit` entries that expired more than `graceMs` ago, and forgets fences of no use; returns how many entries. */
  abstract sweep(graceMs: number, limit: number): Promise<number>;

  abstract close(): Promise<void>;
}
