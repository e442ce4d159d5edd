import { strict as assert } from 'node:assert';
import { InvalidationIntentBatch } from '../core/invalidation/intent-batch.js';
import type { OutboxRow } from '../core/outbox/outbox-row.js';
import type { OutboxStore } from '../core/outbox/outbox-store.port.js';

/** A fresh, empty store, and a way to let its time pass. */
export interface OutboxStoreSubject {
  readonly store: OutboxStore;
  /** Lets `ms` pass for the store: by moving its clock, or by making its rows older. */
  elapse(ms: number): Promise<void>;
  close(): Promise<void>;
}

export const TTL_MS = 30_000;

/** What the suites do with a store, in the namespace `db`. */
export interface OutboxActions {
  readonly tags: (...names: string[]) => InvalidationIntentBatch;
  readonly enqueue: (position: string, ...names: string[]) => Promise<number>;
  readonly claim: (limit?: number, ttlMs?: number, owner?: string) => Promise<OutboxRow[]>;
  /** The row, which must be there. */
  readonly row: (id: string) => Promise<OutboxRow>;
}

export function actionsOn(store: () => OutboxStore): OutboxActions {
  const tags = (...names: string[]): InvalidationIntentBatch =>
    names.reduce((batch, tag) => batch.invalidateTag(tag), new InvalidationIntentBatch('write'));
  return {
    tags,
    enqueue: (position, ...names) => store().enqueue('db', position, tags(...names)),
    claim: (limit = 10, ttlMs = TTL_MS, owner = 'me') => store().claim('db', owner, limit, ttlMs),
    async row(id) {
      const found = await store().find(id);
      assert.ok(found, `expected row ${id}`);
      return found;
    },
  };
}

export function tagOf(row: OutboxRow): string {
  return row.intent.value ?? '';
}
