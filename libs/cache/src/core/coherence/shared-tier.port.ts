import type { Clock } from '../clock/clock.port.js';
import type { CacheBackend } from './cache-backend.port.js';
import type { CoherenceEvents } from './coherence.events.js';
import type { HistoryAnchor } from './history-anchor.port.js';
import type { InvalidationLog } from './invalidation-log.port.js';

/** The log's past was lost or changed; everything up to `since` is known to stand, later invalidations may be missing. */
export interface HistoryChange {
  /** The last position of the old history that survived. */
  readonly since: string;
  /** The new history. */
  readonly lineage: string;
}

/** What a shared tier needs to know of the cache it serves. */
export interface SharedTierContext {
  readonly namespace: string;
  /** Unique per process and start. */
  readonly instanceId: string;
  readonly clock: Clock;
  readonly events?: CoherenceEvents;
  /**
   * Repairs a history change by applying again what may be missing (an outbox does this), after which the tier stays
   * warm. Resolves `false` where it cannot. Without it every entry older than the change is dropped: cold, and right.
   */
  readonly replay?: (change: HistoryChange) => Promise<boolean>;
  /** Where the history that counts is written down, so that a server that was cut off and replaced is not used. */
  readonly anchor?: HistoryAnchor;
}

/** The log and the backend of one namespace; they share connections and are opened and closed by the engine. */
export interface SharedTierParts {
  readonly log: InvalidationLog;
  /** `null`: nothing is stored outside the process; the tier is a log only. */
  readonly backend: CacheBackend | null;
}

/** What a user configures as `backend`: a technology with its settings, not yet bound to a namespace. */
export abstract class SharedTier {
  /** Technology, e.g. `redis`. */
  abstract readonly kind: string;

  /** Makes log and backend for one namespace. Does no I/O. */
  abstract create(context: SharedTierContext): SharedTierParts;
}
