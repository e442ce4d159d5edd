import type { Isolation } from './isolation.js';

/** How the values of one action are cached; resolved once at boot, frozen, never computed per call. Milliseconds. */
export interface ReadPolicy {
  /** Fresh life. */
  readonly ttlMs: number;
  /** How long past its fresh life an entry is kept to stand in for a slow or failing method; 0: not at all. */
  readonly graceMs: number;
  /** Up to this share of the fresh life is taken off at random, so that entries filled together do not expire together. */
  readonly jitter: number;
  /** How long a shared tier may delay a read, and how long a slow method is waited for where grace has a value to offer. */
  readonly softTimeoutMs: number;
  /** After this a load no longer counts: others stop waiting for it, and its permit dies. The caller still gets its value. */
  readonly hardTimeoutMs: number;
  /** How long a value loaded while the shared tier was away may be served from memory. */
  readonly degradedTtlMs: number;
  /** How long to wait for another instance's load of the same key before loading too. */
  readonly electionWaitMs: number;
  readonly isolation: Isolation;
}

/** What is left of `ttlMs` after jitter; `random` is in [0, 1). Never longer than asked for. */
export function jitteredTtl(policy: ReadPolicy, random: number): number {
  return policy.jitter === 0 ? policy.ttlMs : policy.ttlMs * (1 - policy.jitter * random);
}
