import type { KeyPattern } from '../../core/keys/key-pattern.js';
import type { AdminIntention } from '../admin/admin-gate.js';

const SCOPE = /^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}):/;

/** The scope of a full key; `null` for a key that belongs to none. */
export function scopeOfKey(key: string): string | null {
  return SCOPE.exec(key)?.[1] ?? null;
}

/** What an order to invalidate keys touches. */
export function intentionOfKeys(keys: readonly string[]): AdminIntention {
  return { command: 'delete', scopes: [...new Set(keys.map(scopeOfKey))] };
}

/**
 * What a pattern touches: the scope that every matching key begins with, or any. One that matches a whole scope, or
 * everything, is a clear.
 */
export function intentionOfPattern({ mode, literalPrefix }: KeyPattern): AdminIntention {
  const scope = scopeOfKey(literalPrefix);
  const whole = mode === 'all' || (mode === 'prefix' && literalPrefix === `${scope}:`);
  return { command: whole ? 'clear' : 'revoke', scopes: [scope] };
}
