import type { FillPermit } from '../../core/coherence/cache-backend.port.js';
import type { Invalidation } from '../../core/coherence/invalidation.js';
import type { SignedMessage } from '../../core/coherence/log-message.js';
import type { Ord, Position } from '../../core/coherence/position.js';
import type { Waiter } from './gatherer.js';
import type { EntryDraft } from './redis-entry.js';

/** The read of one key. `renew`: a permit even where a fresh entry stands; `drop`: it is known to be invalid. */
export interface KeyRead {
  readonly key: string;
  readonly permitMs: number;
  readonly mode: 'get' | 'renew' | 'drop';
}

/** A read and who waits for it. */
export interface AskedRead extends KeyRead, Waiter<KeyAnswer> {}

/** What the server says of a batch of keys. */
export interface BatchAnswer {
  /** The position of the log when the answer was given. */
  readonly position: Position;
  /** The last pattern invalidation's ord when the answer was given; empty: none. */
  readonly patterns: Ord;
  /** The server's clock, Unix ms. */
  readonly now: number;
}

/** What the server says of one key of a batch. */
export interface KeyAnswer {
  readonly batch: BatchAnswer;
  /** A valid entry as it is stored, fresh on a hit and past its fresh life otherwise; `null`: none. */
  readonly raw: Buffer | null;
  /** `null` on a hit. An empty token: no permit could be written. */
  readonly permit: { readonly token: string; readonly owner: boolean } | null;
}

/** The targets of one message, as the server needs them beside its text. */
export interface MessageTargets {
  readonly keys: readonly string[];
  readonly tags: readonly string[];
  readonly patterns: Invalidation['patterns'];
  readonly flush: boolean;
}

export interface ExecutedMessage {
  readonly position: Position;
  /** Per key of the message: whether an entry was there and was removed. */
  readonly removed: readonly boolean[];
}

/** How values, permits and messages are laid over the servers: all in one slot, or spread over a Cluster. */
export interface ValueStore {
  /** Reads made at about the same time travel together. */
  ask(read: AskedRead): void;
  fill(key: string, permit: FillPermit, entry: EntryDraft): Promise<boolean>;
  release(key: string, token: string): Promise<void>;
  execute(message: SignedMessage, targets: MessageTargets): Promise<ExecutedMessage>;
  /** Returns the position the entry was stored with. */
  put(key: string, entry: EntryDraft, message: SignedMessage): Promise<Position | null>;
  /** Removes entries stamped before the ord beside each; returns how many. Physical keys. */
  sweep(prey: readonly { readonly redisKey: string; readonly before: Ord }[]): Promise<number>;
}

/** The answer as a promise, for what most reads do not need. */
export function answerTo(store: Pick<ValueStore, 'ask'>, { key, permitMs, mode }: KeyRead): Promise<KeyAnswer> {
  return new Promise((resolve, reject) => store.ask({ key, permitMs, mode, resolve, reject }));
}
