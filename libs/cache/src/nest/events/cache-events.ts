import { Injectable } from '@nestjs/common';
import type { InvalidationIntent } from '../../core/invalidation/intent.js';
import { CacheRuntime } from '../cache-runtime.js';
import type { EventClass } from '../decorators/method-declarations.js';
import { EventRules } from './event-rules.js';

/** Tells the cache of events, where no event library does. */
@Injectable()
export class CacheEvents {
  readonly rules = new EventRules();

  constructor(private readonly runtime: CacheRuntime) {}

  /**
   * Publishes an event to the cache. Resolves when what it invalidates is gone, or when its repetition is arranged for
   * (G6, G7); an event nobody named does nothing.
   *
   * @param event the name used in `@InvalidateOn` or in `events`, or an event object, which goes by its class
   */
  async publish(event: string, payload?: unknown): Promise<void>;
  async publish(event: object): Promise<void>;
  async publish(event: string | object, payload?: unknown): Promise<void> {
    const [kind, content] = kindOf(event, payload);
    await this.invalidateFor(kind, content);
  }

  /**
   * As `publish`, for listeners nobody waits for: never rejects. What a broken transaction refuses to record is
   * invalidated directly.
   */
  async follow(event: string | object, payload?: unknown): Promise<void> {
    const [kind, content] = kindOf(event, payload);
    try {
      await this.invalidateFor(kind, content);
    } catch {
      // The transaction the event was published in is broken and will not commit; over-invalidating is harmless.
      await this.runtime.invalidations.invalidateOrRetry(this.intentsOf(kind, content), { reason: reasonOf(kind) });
    }
  }

  private async invalidateFor(event: string | EventClass, payload: unknown): Promise<void> {
    const intents = this.intentsOf(event, payload);
    const reason = reasonOf(event);
    if (intents.length > 0) await this.runtime.durable.invalidate(intents, { reason, actor: reason });
  }

  private intentsOf(event: string | EventClass, payload: unknown): readonly InvalidationIntent[] {
    try {
      return this.rules.intentsFor(event, payload);
    } catch (error) {
      // A selector that cannot read the payload must not leave stale values behind: what it guards is cleared whole.
      const action = typeof event === 'string' ? event : event.name;
      this.runtime.events.emit('trouble', { operation: 'key', scope: 'events', action, error });
      return this.rules.everythingFor(event);
    }
  }
}

/** An object without a class, which only its shape could tell, is an event of the class `Object`: nobody names that. */
function kindOf(event: string | object, payload: unknown): [string | EventClass, unknown] {
  if (typeof event === 'string') return [event, payload];
  const { constructor } = event;
  return [typeof constructor === 'function' ? (constructor as EventClass) : Object, event];
}

function reasonOf(event: string | EventClass): string {
  return `event ${typeof event === 'string' ? event : event.name}`;
}
