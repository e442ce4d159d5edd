import type { PatternTarget } from '../coherence/invalidation.js';
import { fullKey } from '../keys/local-key.js';
import type { PatternCache } from '../keys/pattern-cache.js';

/**
 * The one matcher of patterns against full keys, for every tier and every instance: a pattern of a scope is held against
 * the scope's local keys and meets no other scope (G8), a pattern of the namespace against full keys.
 */
export function targetMatcher(patterns: PatternCache): (target: PatternTarget) => (fullKey: string) => boolean {
  return ({ pattern, scope }) => {
    const compiled = patterns.get(pattern);
    if (scope === null) return (key) => compiled.test(key);
    const prefix = fullKey(scope, '');
    return (key) => key.startsWith(prefix) && compiled.test(key.slice(prefix.length));
  };
}
