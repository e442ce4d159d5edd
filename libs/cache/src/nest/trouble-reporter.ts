import type { Logger } from '@nestjs/common';
import type { EngineEvents, TroubleEvent } from '../core/engine/engine.events.js';
import type { InvalidationEvents } from '../core/invalidation/invalidation.events.js';

/** Kinds of trouble told apart; beyond this they are no longer logged one by one. */
const MAX_KINDS = 500;

/**
 * Writes trouble of the cache to the log (REQ-002-37): each kind once per method, so that a failing cache does not fill
 * the log with what the first line says. Counts are in the metrics.
 */
export class TroubleReporter {
  private readonly reported = new Set<string>();

  constructor(private readonly logger: Logger) {}

  listen(engine: EngineEvents, invalidations: InvalidationEvents): void {
    engine.on('trouble', (event) => this.report(event));
    invalidations.on('failed', ({ requestId, error, pending }) => {
      this.logger.error(
        `Invalidation ${requestId} was not applied, ${pending} pending; it is repeated until it succeeds. ${textOf(error)}`,
      );
    });
  }

  private report({ operation, scope, action, error }: TroubleEvent): void {
    const kind = `${operation}:${scope}:${action}`;
    if (this.reported.has(kind) || this.reported.size >= MAX_KINDS) return;
    this.reported.add(kind);
    this.logger.warn(`${CONSEQUENCE[operation]} (${scope}.${action}; reported once). ${textOf(error)}`);
  }
}

const CONSEQUENCE: Readonly<Record<TroubleEvent['operation'], string>> = {
  key: 'A call could not be given a key and ran uncached',
  read: 'The shared tier failed to answer; the method ran',
  fill: 'A value could not be stored in the shared tier',
  decode: 'An entry of the shared tier is unreadable and counts as a miss',
  tags: 'The tags of a result are unknown, so it was not kept',
  value: 'A result cannot be kept apart from its callers, so it was not cached',
  refresh: 'A method failed or was slow; an expired value stood in for it',
  release: 'A permit could not be given back; it expires by itself',
};

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
