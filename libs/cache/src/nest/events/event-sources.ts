import type { DiscoveryService } from '@nestjs/core';
import type { CacheEvents } from './cache-events.js';

/** What of `@nestjs/event-emitter` is used. */
interface EmitterLike {
  on(event: string, listener: (payload: unknown) => void): unknown;
  off(event: string, listener: (payload: unknown) => void): unknown;
}

/** What of the event bus of `@nestjs/cqrs` is used. */
interface EventBusLike {
  subscribe(next: (event: object) => void): { unsubscribe(): void };
}

/**
 * Listens where the application publishes its events. The libraries are optional, so their providers are recognised by
 * name or shape instead of being imported; an application without them needs neither.
 *
 * @returns takes all listeners away again
 */
export function listenToEventLibraries(discovery: DiscoveryService, events: CacheEvents): () => void {
  const stops: (() => void)[] = [];
  const seen = new Set<unknown>();
  for (const { name, instance } of discovery.getProviders()) {
    if (seen.has(instance)) continue;
    if (isEmitter(instance)) {
      seen.add(instance);
      for (const event of events.rules.names()) {
        const listener = (payload: unknown) => void events.follow(event, payload);
        instance.on(event, listener);
        stops.push(() => instance.off(event, listener));
      }
    }
    if (String(name) === 'EventBus' && isEventBus(instance)) {
      seen.add(instance);
      const subscription = instance.subscribe((event) => void events.follow(event));
      stops.push(() => subscription.unsubscribe());
    }
  }
  return () => stops.forEach((stop) => stop());
}

/** By its own methods, which no other emitter has: under the token `EventEmitter2` stands a class named `EventEmitter`. */
function isEmitter(instance: unknown): instance is EmitterLike {
  return hasMethods(instance, 'on', 'off', 'onAny', 'emitAsync');
}

function isEventBus(instance: unknown): instance is EventBusLike {
  return hasMethods(instance, 'subscribe', 'publish');
}

function hasMethods(instance: unknown, ...names: string[]): boolean {
  return (
    typeof instance === 'object' &&
    instance !== null &&
    names.every((name) => typeof (instance as Record<string, unknown>)[name] === 'function')
  );
}
