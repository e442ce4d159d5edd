/** The right to fill one key, handed out by a miss. A key invalidation revokes it, and so does anything that loses it. */
export interface FillPermit {
  readonly token: string;
  /** Log position taken before the miss was answered; the entry carries it for life. */
  readonly position: string;
}

/** What a shared tier holds for a key. The payload is opaque to it. */
export interface StoredEntry {
  readonly payload: Uint8Array;
  readonly tags: readonly string[];
  /** How long the tier will still keep the entry, ms: the rest of its physical life (fresh time plus grace). */
  readonly remainingMs: number;
}

export type BackendRead =
  | { readonly hit: true; readonly entry: StoredEntry }
  | {
      readonly hit: false;
      readonly permit: FillPermit;
      /** True: this caller was elected to load; false: another holds the permit, its fill may come soon. */
      readonly owner: boolean;
    };

/** What a fill stores. */
export interface FillEntry {
  readonly payload: Uint8Array;
  readonly tags: readonly string[];
  /** Physical life, ms. */
  readonly keepMs: number;
}

/**
 * A shared tier (L2) that takes part in coherence. It checks stamps at *read* time and permits at *fill* time, so a value
 * read before an invalidation can never come back after it (G1).
 *
 * Reads and fills may reject; the engine then runs the method without the tier (G6). They must settle in bounded time.
 */
export abstract class CacheBackend {
  /** Names the tier in hits, logs and metrics, e.g. `redis`. */
  abstract readonly name: string;

  /** Called once before use; never rejects because a server is away, unless the backend is declared `required`. */
  abstract open(): Promise<void>;

  /** False while nothing would be answered; the engine then does not ask at all. */
  abstract available(): boolean;

  /**
   * Reads a valid entry, or answers with the permit to fill it. One round trip.
   * @param permitMs how long the permit lives: the loader's hard timeout and a little more
   */
  abstract read(key: string, permitMs: number): Promise<BackendRead>;

  /** Stores under a permit. `false`: the permit is gone, because the key was invalidated meanwhile; nothing was stored. */
  abstract fill(key: string, permit: FillPermit, entry: FillEntry): Promise<boolean>;

  /** Gives an unused permit back (the load failed), so that nobody waits for it. */
  abstract release(key: string, permit: FillPermit): Promise<void>;

  /** Stores unconditionally and invalidates older fills and every L1 copy of the key (an explicit `set`). */
  abstract put(key: string, entry: FillEntry): Promise<void>;

  abstract close(): Promise<void>;
}
