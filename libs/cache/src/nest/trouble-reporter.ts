import type { EngineEvents, TroubleEvent } from '../core/engine/engine.events.js';
import type { CoherenceEventMap } from '../core/coherence/coherence.events.js';
import type { Emitter } from '../core/events/emitter.js';
import type { InvalidationEvents } from '../core/invalidation/invalidation.events.js';
import type { CacheLog } from './logging/cache-log.js';
import type { KeyPolicy } from './logging/key-policy.js';

/** Kinds of trouble told apart; beyond this they are no longer logged one by one. */
const MAX_KINDS = 500;

/**
 * Writes trouble of the cache to the log (REQ-002-37): each kind once per method, so that a failing cache does not fill
 * the log with what the first line says. Counts are in the metrics.
 */
export class TroubleReporter {
  private readonly reported = new Set<string>();

  constructor(
    private readonly log: CacheLog,
    private readonly keys: KeyPolicy,
  ) {}

  listen(engine: EngineEvents, invalidations: InvalidationEvents): void {
    engine.on('trouble', (event) => this.report(event));
    invalidations.on('failed', ({ requestId, error, pending }) => {
      const text = `Invalidation ${requestId} was not applied, ${pending} pending; it is repeated until it succeeds.`;
      this.log.error('invalidation', text, error);
    });
  }

  /** @param backend `null` for the main one, which needs no name */
  listenToLink(coherence: Emitter<CoherenceEventMap>, backend: string | null): void {
    const tier = backend === null ? 'The shared tier' : `The shared tier of backend '${backend}'`;
    const memory = backend === null ? 'Local memory' : `Local memory of backend '${backend}'`;
    let historyKnown = false;
    coherence.on('state', ({ to }) => {
      if (to === 'live') this.log.logger.log(`${tier} is connected and this instance is up to date`);
      if (to === 'detached')
        this.log.logger.warn(`${tier} is away; methods run, and memory is served while its lease lasts`);
    });
    coherence.on('reset', ({ cause }) => {
      // The first history an instance meets is news to it, but no loss.
      if (cause !== 'history' || historyKnown) {
        this.log.logger.warn(`${memory} was dropped and starts anew (${cause}); methods run until it is filled again`);
      }
      historyKnown = true;
    });
  }

  private report({ operation, scope, action, error }: TroubleEvent): void {
    const kind = `${operation}:${scope}:${action}`;
    if (this.reported.has(kind) || this.reported.size >= MAX_KINDS) return;
    this.reported.add(kind);
    const consequence = `${CONSEQUENCE[operation]} (${scope}.${action}; reported once).`;
    this.log.logger.warn(`${consequence} ${this.keys.errorText(error)}`);
  }
}

const CONSEQUENCE: Readonly<Record<TroubleEvent['operation'], string>> = {
  key: 'A call could not be given a key and ran uncached',
  read: 'The shared tier failed to answer; the method ran',
  fill: 'A value could not be stored in the shared tier',
  decode: 'An entry of the shared tier is unreadable and counts as a miss',
  tags: 'The tags of a result are unknown, so it was not kept',
  value: 'A result cannot be kept apart from its callers, so it was not cached',
  size: 'A result is too large for the memory tier and was not kept there',
  refresh: 'A method failed to renew an expired value, which stood in for it if it was still held',
  release: 'A permit could not be given back; it expires by itself',
};
