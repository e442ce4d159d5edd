import { CacheError } from '../../core/errors/cache-error.js';
import { CommandTimeout, failureCode } from './redis-command.js';

/** A read or fill that could not be made; the engine runs the method without the tier. */
export function tierUnavailable(cause: unknown): CacheError {
  return new CacheError(
    'LARDER_TIER_UNAVAILABLE',
    `Expected Redis to answer, got ${failureCode(cause)}. The method is run instead; see the health of the cache for the state of the link.`,
    { cause },
  );
}

/** An invalidation that was not executed, or of which it is unknown (G7). */
export function notInvalidated(cause: unknown): CacheError {
  return cause instanceof CommandTimeout
    ? new CacheError(
        'LARDER_LOG_UNCERTAIN',
        'Expected Redis to confirm the invalidation, got no answer in time. It may or may not have been executed; repeat it, that is harmless.',
        { cause },
      )
    : new CacheError(
        'LARDER_LOG_UNAVAILABLE',
        `Expected Redis to execute the invalidation, got ${failureCode(cause)}. Nothing was promised to anybody: repeat it, or record it in an outbox, which repeats it until it is done.`,
        { cause },
      );
}

export function closed(): CacheError {
  return new CacheError(
    'LARDER_CLOSED',
    'Expected an open cache, got an invalidation after close(). Await it before shutting down.',
  );
}

export function required(code: string | null): CacheError {
  return new CacheError(
    'LARDER_TIER_REQUIRED',
    `Expected Redis to be there at the start, because \`required\` is set; got ${code ?? 'no answer'}. Start it, correct its address, or leave \`required\` out to run without it meanwhile.`,
  );
}
