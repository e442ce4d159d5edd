import { Injectable } from '@nestjs/common';
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
    const [kind, content] = typeof event === 'string' ? [event, payload] : [event.constructor as EventClass, event];
    await this.invalidateFor(kind, content);
  }

  private async invalidateFor(event: string | EventClass, payload: unknown): Promise<void> {
    const name = typeof event === 'string' ? event : event.name;
    const { invalidations, engine } = this.runtime;
    try {
      const intents = this.rules.intentsFor(event, payload);
      if (intents.length > 0) await invalidations.invalidateOrRetry(intents, { reason: `event ${name}` });
    } catch (error) {
      // A selector that cannot read the payload must not leave stale values behind: what it guards is cleared whole.
      engine.events.emit('trouble', { operation: 'key', scope: 'events', action: name, error });
      await invalidations.invalidateOrRetry(this.rules.everythingFor(event), { reason: `event ${name}` });
    }
  }
}
