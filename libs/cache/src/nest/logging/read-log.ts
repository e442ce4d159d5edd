import { Logger } from '@nestjs/common';
import type { EngineEvents } from '../../core/engine/engine.events.js';
import type { KeyPolicy } from './key-policy.js';
import type { LoggingOptions } from './logging.options.js';

/**
 * A debug line for each read (REQ-002-39), if it is asked for and would be written. Else nobody listens, and a hit in memory
 * builds no event.
 */
export function logReads(
  { reads }: Required<LoggingOptions>,
  events: EngineEvents,
  logger: Logger,
  keys: KeyPolicy,
): void {
  if (!reads || !writesDebugLines()) return;
  events.on('read', ({ scope, action, key, outcome }) => {
    logger.debug(`Cache ${outcome}: ${keys.read(scope, action, key)}`);
  });
}

/** Nest 11 says that no level is enabled, not even the gravest, where nobody has named levels, and then writes them all. */
function writesDebugLines(): boolean {
  return Logger.isLevelEnabled('debug') || !Logger.isLevelEnabled('fatal');
}
