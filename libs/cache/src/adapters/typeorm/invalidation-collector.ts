import { CacheError } from '../../core/errors/cache-error.js';
import { InvalidationIntent } from '../../core/invalidation/intent.js';
import type { EntityId } from '../../core/invalidation/tags.js';
import type { OutboxBatch } from '../../core/outbox/outbox-intent.js';

/**
 * Says, beside the write, what it makes stale: `outbox.collect(manager).entity('user', 42)`. What is collected becomes rows of
 * the same transaction right before its commit, with everything else collected there in one statement: rolled back with the
 * data, and applied after the commit whatever dies (G4).
 */
export class TypeOrmInvalidationCollector implements OutboxBatch {
  private readonly collected: InvalidationIntent[] = [];
  private sealed = false;
  private why = '';

  get reason(): string {
    return this.why;
  }

  get intents(): readonly InvalidationIntent[] {
    return this.collected;
  }

  /** The reason stored with the intents, for operators. */
  because(reason: string): this {
    this.why = reason;
    return this;
  }

  /** @throws CacheError `LARDER_TRANSACTION_REQUIRED` when the transaction has recorded its intents already */
  intent(intent: InvalidationIntent): this {
    if (this.sealed) {
      throw new CacheError(
        'LARDER_TRANSACTION_REQUIRED',
        'Expected the transaction of this collector to be open, got an intent after its commit had begun. Collect inside the transaction, beside the write.',
      );
    }
    this.collected.push(intent);
    return this;
  }

  /** One entry by its full key, `user:get_user:42`. */
  key(key: string): this {
    return this.intent(InvalidationIntent.key(key));
  }

  tag(tag: string): this {
    return this.intent(InvalidationIntent.tag(tag));
  }

  entity(entity: string, key: EntityId): this {
    return this.intent(InvalidationIntent.entity(entity, key));
  }

  collection(collection: string): this {
    return this.intent(InvalidationIntent.collection(collection));
  }

  /** Every entry whose key matches: the local keys of `scope`, or without one the full keys of the namespace. */
  pattern(pattern: string, scope: string | null = null): this {
    return this.intent(InvalidationIntent.pattern(pattern, scope));
  }

  /** Every entry of the namespace. */
  flush(): this {
    return this.intent(InvalidationIntent.flush());
  }

  /** The transaction records what has been collected; called by the outbox. */
  seal(): void {
    this.sealed = true;
  }
}
