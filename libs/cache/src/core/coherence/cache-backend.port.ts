import { NO_FIGURES, type BackendFigures } from './backend-figures.js';
import { COHERENT_BACKEND, type BackendCapabilities } from './tier-capabilities.js';
import type { TierInspection } from './tier-inspection.js';

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
  /** What is left of its fresh life, ms; 0 or less: expired, kept for grace only. Measured by the tier's own clock. */
  readonly freshMs: number;
  /** What is left of its physical life (fresh time plus grace), ms. */
  readonly keepMs: number;
}

/**
 * A hit is valid (no target of it was invalidated) and fresh. Everything else is a miss with the permit to fill it;
 * `stale` then holds a valid entry that is merely past its fresh life, if one is kept.
 */
export type BackendRead =
  | { readonly hit: true; readonly entry: StoredEntry }
  | {
      readonly hit: false;
      readonly permit: FillPermit;
      /** True: this caller was elected to load; false: another holds the permit, its fill may come soon. */
      readonly owner: boolean;
      readonly stale: StoredEntry | null;
    };

/** What a fill stores. */
export interface FillEntry {
  readonly payload: Uint8Array;
  /** What invalidates it. The first may be its source's version (`versionTag`): it is not stored over a newer one. */
  readonly tags: readonly string[];
  /** Fresh life, ms. */
  readonly freshMs: number;
  /** Physical life, ms: fresh life plus grace. */
  readonly keepMs: number;
}

/** How a read is made. */
export interface ReadOptions {
  /** How long a permit lives, ms: the loader's hard timeout and a little more. */
  readonly permitMs: number;
  /** Answer with a permit even where a fresh entry stands: the caller cannot use it (unreadable payload) or renews early. */
  readonly refresh?: boolean;
}

/** Who waits for the answer to a read. One of the two is called, once; neither may throw. */
export interface Asker {
  answered(read: BackendRead): void;
  failed(error: unknown): void;
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

  /** What it promises across instances; a tier that can do less than the protocol asks says so here. */
  readonly capabilities: BackendCapabilities = COHERENT_BACKEND;

  /**
   * Which of several parts that know nothing of each other the running code belongs to, as text before its keys: memory and
   * loads under way are kept apart alike. It returns `null` outside of any; such calls go past the cache. `null`: there is one.
   */
  readonly compartment: (() => string | null) | null = null;

  /** What it can tell operators of its content; `null` where it can tell nothing. */
  readonly inspection: TierInspection | null = null;

  /** Numbers of its own, for metrics and health: asks nobody, so it answers at once. @returns none, unless overridden */
  figures(): BackendFigures {
    return NO_FIGURES;
  }

  /** Called once before use; never rejects because a server is away, unless the backend is declared `required`. */
  abstract open(): Promise<void>;

  /** False while nothing would be answered; the engine then does not ask at all. */
  abstract available(): boolean;

  /** Reads a valid entry, or answers with the permit to fill it. One round trip. */
  abstract read(key: string, options: ReadOptions): Promise<BackendRead>;

  /** As `read`, for who wants no promise. A tier that is read by the ten thousand per second overrides it; never throws. */
  ask(key: string, options: ReadOptions, asker: Asker): void {
    try {
      this.read(key, options).then(
        (read) => asker.answered(read),
        (error: unknown) => asker.failed(error),
      );
    } catch (error) {
      asker.failed(error); // who throws instead of rejecting is in trouble all the same
    }
  }

  /**
   * Stores under a permit, which it uses up. `false`: the permit is gone, because the key was invalidated meanwhile, or the
   * source's version is older than that of what is stored; nothing was stored.
   */
  abstract fill(key: string, permit: FillPermit, entry: FillEntry): Promise<boolean>;

  /** Gives an unused permit back (the load failed), so that nobody waits for it. */
  abstract release(key: string, permit: FillPermit): Promise<void>;

  /**
   * Stores without a permit and invalidates older fills and every L1 copy of the key (an explicit `set`). `false`: what is
   * stored is of a newer version of the source, and stays.
   */
  abstract put(key: string, entry: FillEntry): Promise<boolean>;

  abstract close(): Promise<void>;
}
