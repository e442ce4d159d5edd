/**
 * Identity of a committed write: a transaction id, a log sequence number or a monotonic fallback. Opaque to Larder, but it
 * must be unique per commit for ever: a repeated position meets the old row and its invalidation would be lost.
 */
export class CommitPosition {
  constructor(private readonly value: string) {}

  static from(value: CommitPosition | string): CommitPosition {
    return typeof value === 'string' ? new CommitPosition(value) : value;
  }

  /** The text persisted in the outbox table. */
  asStr(): string {
    return this.value;
  }

  equals(other: CommitPosition): boolean {
    return this.value === other.value;
  }

  toString(): string {
    return this.value;
  }

  toJSON(): string {
    return this.value;
  }
}
