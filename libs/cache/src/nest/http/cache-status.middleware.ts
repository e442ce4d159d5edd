import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EngineEvents } from '../../core/engine/engine.events.js';
import type { KeyPolicy } from '../logging/key-policy.js';
import { CacheStatusTrace } from './cache-status-trace.js';

const HEADER = 'Cache-Status';

/**
 * A middleware that shows in each answer which reads it took: it runs the request inside a trace, which the reads below
 * it find by themselves, and writes the trace in the moment the head of the answer is sent. That way it also covers
 * guards, errors, streams and handlers that write the answer themselves.
 */
export function cacheStatusMiddleware(events: EngineEvents, keys: KeyPolicy) {
  const traces = new AsyncLocalStorage<CacheStatusTrace>();
  events.on('read', (event) => traces.getStore()?.add({ ...event, key: keys.shown(event.key) ?? '' }));

  return (_: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const trace = new CacheStatusTrace();
    const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
    response.writeHead = (...args: unknown[]) => {
      const value = trace.header(response.getHeader(HEADER));
      if (value !== null && !response.headersSent) response.setHeader(HEADER, value);
      return writeHead(...args);
    };
    traces.run(trace, next);
  };
}
