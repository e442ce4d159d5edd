import { Injectable } from '@nestjs/common';
import { CacheError, describeInput } from '../core/errors/cache-error.js';
import { InvalidationIntent } from '../core/invalidation/intent.js';
import type { InvalidateOptions, InvalidationResult } from '../core/invalidation/invalidation-service.js';
import { fullKey } from '../core/keys/local-key.js';
import { CacheRegistry } from './cache-registry.js';
import { CacheRuntime } from './cache-runtime.js';

/** The three actions of one scope (REQ-002-26). Each resolves when no read of this instance returns the old values. */
export interface ScopeActions {
  /** Removes all entries of the scope. */
  clear(options?: InvalidateOptions): Promise<InvalidationResult>;
  /** Removes the entry of a local key, e.g. `get_user:123`. */
  delete(key: string, options?: InvalidateOptions): Promise<InvalidationResult>;
  /** Removes the entries whose local key matches a pattern, e.g. `get_user:*`. */
  revoke(pattern: string, options?: InvalidateOptions): Promise<InvalidationResult>;
}

/** The admin actions for services, without HTTP: `cacheActions.for('user').delete('get_user:123')`. */
@Injectable()
export class CacheActions {
  constructor(
    private readonly runtime: CacheRuntime,
    private readonly registry: CacheRegistry,
  ) {}

  /** @throws CacheError `LARDER_SCOPE_UNKNOWN` for a scope without cached methods, naming the known ones */
  for(scope: string): ScopeActions {
    if (!this.registry.has(scope)) {
      throw new CacheError(
        'LARDER_SCOPE_UNKNOWN',
        `Expected a scope with cached methods (${this.registry.scopes().join(', ') || 'there is none'}), got ${describeInput(scope)}. Check the name; @CacheScope('…') sets it.`,
      );
    }
    const { invalidations } = this.runtime;
    const invalidate = (intent: InvalidationIntent, reason: string, options: InvalidateOptions | undefined) =>
      invalidations.invalidate([intent], { reason, ...options });
    return {
      clear: async (options) => invalidate(InvalidationIntent.scope(scope), 'cache/clear', options),
      delete: async (key, options) =>
        invalidate(InvalidationIntent.key(fullKey(scope, localKeyText(key))), 'cache/delete', options),
      revoke: async (pattern, options) =>
        invalidate(InvalidationIntent.pattern(pattern, scope), 'cache/revoke', options),
    };
  }
}

function localKeyText(key: unknown): string {
  if (typeof key === 'string' && key !== '') return key;
  throw new CacheError(
    'LARDER_KEY_INVALID',
    `Expected \`key\` to be a local key such as "get_user:123", got ${describeInput(key)}. Send the key without the scope.`,
  );
}
