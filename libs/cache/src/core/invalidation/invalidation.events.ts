import { Emitter } from '../events/emitter.js';
import type { InvalidationIntent } from './intent.js';

/** An invalidation that was carried out. */
export interface InvalidatedEvent {
  readonly requestId: string;
  readonly intents: readonly InvalidationIntent[];
  /** Where it stands in the main log. */
  readonly position: string;
  readonly reason: string;
  readonly actor: string;
  readonly removed: number;
  readonly latencyMs: number;
  /** Unix ms. */
  readonly at: number;
}

/** An invalidation that was not carried out; `pending` counts those waiting to be repeated. */
export interface InvalidationFailedEvent {
  readonly requestId: string;
  readonly intents: readonly InvalidationIntent[];
  readonly error: unknown;
  readonly pending: number;
}

export interface InvalidationEventMap {
  invalidated: InvalidatedEvent;
  failed: InvalidationFailedEvent;
}

/** What the removal road announces; audit, metrics and logs subscribe. */
export class InvalidationEvents extends Emitter<InvalidationEventMap> {}
