/**
 * What the outbox knows of an intent: enough to identify it, store it and hand it on. What it means is the applier's
 * business. An intent never carries a cached value.
 */
export interface OutboxIntent {
  /** `key`, `tag`, `entity`, `collection`, `pattern`, `flush`. */
  readonly kind: string;
  /** The primary value: key, tag, entity key, collection name or pattern; `null` for a flush. */
  readonly value: string | null;
  /** Stable SHA-256 of the normalised target, 64 lower-case hex digits; part of a row's identity. */
  targetHashHex(): string;
  /** The intent as plain data, from which the same intent can be built again. */
  toJSON(): object;
}

/**
 * Stands in for an intent whose stored form cannot be read (a column missing, an unknown kind). The row is dead-lettered
 * at once instead of stopping the queue: repeating it cannot help.
 */
export class UnreadableIntent implements OutboxIntent {
  readonly kind = 'unreadable';
  readonly value = null;

  constructor(
    /** What is wrong, naming the field, e.g. `missing cache_key`. */
    readonly problem: string,
    private readonly targetHash: string,
  ) {}

  targetHashHex(): string {
    return this.targetHash;
  }

  toJSON(): object {
    return { kind: this.kind, problem: this.problem };
  }
}

/** Intents of one write, in order, with the reason stored beside each. `InvalidationIntentBatch` is one. */
export interface OutboxBatch {
  readonly reason: string;
  readonly intents: readonly OutboxIntent[];
}
