import { Emitter } from '../events/emitter.js';

/** How a read ended; see the read road in ARCHITECTURE.md. `stale`: an expired value was served under grace. */
export type ReadOutcome = 'hit' | 'stale' | 'expired' | 'miss' | 'bypassed';

/** Scope and action of what is not counted apart. No scope is called so: names hold no parentheses. */
export const OTHER_ACTIONS = '(other)';

/** One read. `key` is the full key; it is given to listeners in the process only and never used as a metric label. */
export interface ReadEvent {
  readonly scope: string;
  readonly action: string;
  readonly key: string;
  readonly outcome: ReadOutcome;
  /** What answered: `memory`, the backend's name, or `source` (the method itself). */
  readonly tier: string;
  /** What is left of the answer's fresh life, ms; 0 when it was not stored. */
  readonly ttlMs: number;
}

/**
 * A read that memory could not answer has its answer. Reads that waited for another's load are not among them, and neither
 * are hits in memory: timing one would cost more than the hit. Holds no key.
 */
export interface AnsweredEvent {
  readonly scope: string;
  readonly action: string;
  /** What answered: the backend's name, `memory` for a value served under grace, or `source`. */
  readonly tier: string;
  /** From the call to the answer, the method's time included, ms. */
  readonly tookMs: number;
}

/** A method ran, for one read or for all who waited. Holds no key. */
export interface LoadedEvent {
  readonly scope: string;
  readonly action: string;
  readonly tookMs: number;
  readonly failed: boolean;
}

/** A load's result was stored. */
export interface StoredEvent {
  readonly key: string;
  readonly loadMs: number;
}

/** A load's result was returned but not kept, because something it depends on was invalidated while it ran. */
export interface FencedEvent {
  readonly key: string;
  readonly tier: string;
}

/** Something of the cache failed; the caller was served all the same (G6). */
export interface TroubleEvent {
  readonly operation: 'key' | 'read' | 'fill' | 'decode' | 'tags' | 'value' | 'size' | 'refresh' | 'release';
  readonly scope: string;
  readonly action: string;
  readonly error: unknown;
}

/** What the engine announces. Metrics, logs and health subscribe; the engine knows none of them. */
export interface EngineEventMap {
  read: ReadEvent;
  answered: AnsweredEvent;
  loaded: LoadedEvent;
  stored: StoredEvent;
  fenced: FencedEvent;
  trouble: TroubleEvent;
}

export class EngineEvents extends Emitter<EngineEventMap> {}
