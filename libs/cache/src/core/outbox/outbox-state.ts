/**
 * Durable state of one outbox row. There is no `claimed` state: a claim is a lease on a pending row, and lapses by itself.
 */
export type OutboxState = 'pending' | 'published' | 'dead';

export const OutboxState = {
  /** May be claimed once its `availableAtMs` is reached. */
  Pending: 'pending',
  /** Was applied. Terminal: nothing re-opens a published row. */
  Published: 'published',
  /** Failed too often; waits for an operator. */
  Dead: 'dead',

  /** Reads the stored text, exactly; `null` for anything else. */
  fromStorage(text: string): OutboxState | null {
    return text === 'pending' || text === 'published' || text === 'dead' ? text : null;
  },
} as const;
