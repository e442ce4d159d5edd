import type { Clock } from '../clock/clock.port.js';
import type { CacheBackend } from './cache-backend.port.js';
import type { CoherenceEvents } from './coherence.events.js';
import type { HistoryAnchor } from './history-anchor.port.js';
import type { InvalidationLog } from './invalidation-log.port.js';
import type { Era, LogId } from './position.js';
import type { SharedSettings } from './shared-settings.js';
import type { RecordAccelerator } from './record-accelerator.port.js';

/** A history, and how far it is preserved: what was executed in it later was lost. */
export interface HistorySegment {
  readonly era: Era;
  /** `null`: all of it, for it is the present one. */
  readonly upTo: LogId | null;
}

/** A part of the log's past was lost: only what stands on the path is known to have been executed. */
export interface HistoryChange {
  /** The histories that lead to the present one, which is the last. What came before the first no valid entry is older than. */
  readonly path: readonly HistorySegment[];
  /** How long the loss has been known, ms by the server's clock; longer than a moment where repairing it was interrupted. */
  readonly knownForMs: number;
}

/**
 * `replayed`: everything that may be missing has been executed again. `elsewhere`: another instance is at it.
 * `impossible`: not all of it is known any more.
 */
export type ReplayOutcome = 'replayed' | 'elsewhere' | 'impossible';

/** What a shared tier needs to know of the cache it serves. */
export interface SharedTierContext {
  readonly namespace: string;
  /** Unique per process and start. */
  readonly instanceId: string;
  readonly clock: Clock;
  readonly events?: CoherenceEvents;
  /**
   * Repairs a history change by applying again what may be missing (an outbox does this), after which the tier stays
   * warm. Asked again after a while when it rejects, and when another instance is at it, until the change is repaired.
   * Without it, or where it is impossible, every entry older than the change is dropped: cold, and right.
   */
  readonly replay?: (change: HistoryChange) => Promise<ReplayOutcome>;
  /** Where the history that counts is written down, so that a server that was cut off and replaced is not used. */
  readonly anchor?: HistoryAnchor;
}

/** The log and the backend of one namespace; they share connections and are opened and closed by the engine. */
export interface SharedTierParts {
  readonly log: InvalidationLog;
  /** `null`: nothing is stored outside the process; the tier is a log only. */
  readonly backend: CacheBackend | null;
  /** `null`, or left out: what is set while the application runs holds for this process alone. */
  readonly settings?: SharedSettings | null;
  /** Where the tier can stand in front of a durable store of small records, such as a prefix index. */
  readonly records?: RecordAccelerator;
}

/** What a user configures as `backend`: a technology with its settings, not yet bound to a namespace. */
export abstract class SharedTier {
  /** Technology, e.g. `redis`. */
  abstract readonly kind: string;

  /** Makes log and backend for one namespace. Does no I/O. */
  abstract create(context: SharedTierContext): SharedTierParts;
}
