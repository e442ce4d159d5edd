import { InvalidationIntent } from './intent.js';
import type { EntityId } from './tags.js';

/**
 * The intents of one write, in order, with the reason operators will read: what is recorded in the outbox together with the
 * data (REQ-004-07). Each call adds one intent and returns the batch.
 */
export class InvalidationIntentBatch {
  private readonly added: InvalidationIntent[] = [];

  /** @param reason stored with every row of the batch */
  constructor(readonly reason = '') {}

  get intents(): readonly InvalidationIntent[] {
    return this.added;
  }

  get isEmpty(): boolean {
    return this.added.length === 0;
  }

  get length(): number {
    return this.added.length;
  }

  /** Adds an intent that was built before. */
  intent(intent: InvalidationIntent): this {
    this.added.push(intent);
    return this;
  }

  /** One entry by its full key. */
  invalidateKey(key: string): this {
    return this.intent(InvalidationIntent.key(key));
  }

  invalidateTag(tag: string): this {
    return this.intent(InvalidationIntent.tag(tag));
  }

  invalidateEntity(entity: string, key: EntityId): this {
    return this.intent(InvalidationIntent.entity(entity, key));
  }

  invalidateCollection(collection: string): this {
    return this.intent(InvalidationIntent.collection(collection));
  }

  /** Every entry whose key matches: the local keys of `scope`, or without one the full keys of the namespace. */
  invalidatePattern(pattern: string, scope: string | null = null): this {
    return this.intent(InvalidationIntent.pattern(pattern, scope));
  }

  /** Every entry of the namespace. */
  flush(): this {
    return this.intent(InvalidationIntent.flush());
  }
}
