import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import { localKey } from '../../core/keys/local-key.js';
import type { MethodModel } from './class-model.js';

const MAX_KEY_LENGTH = 1024;

/**
 * The local key by a method's own `key` callback. Text is the key as it stands (REQ-002-16), so that it can be deleted by
 * that name; a list is encoded like arguments, under the action's name.
 */
export function customLocalKey(
  method: MethodModel,
  key: (...args: unknown[]) => unknown,
): (args: readonly unknown[]) => string {
  return (args) => {
    const made = key(...args);
    if (Array.isArray(made)) return localKey(method.action, made);
    if (typeof made === 'string' && made !== '' && made.length <= MAX_KEY_LENGTH) return made;
    throw new CacheError(
      'LARDER_KEY_INVALID',
      `Expected \`key\` of ${method.where} to return text of 1 to ${MAX_KEY_LENGTH} characters or a list of parts, got ${describeInput(made)}. Return a list, e.g. [user.id, locale].`,
    );
  };
}
