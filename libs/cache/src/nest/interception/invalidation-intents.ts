import { InvalidationIntent } from '../../core/invalidation/intent.js';
import { fullKey } from '../../core/keys/local-key.js';
import type { EntityRef, InvalidatesOptions } from '../decorators/decorator.options.js';

/** The intents of a successful call, from what `@Invalidates` says, the result, and the arguments. */
export function invalidationIntents(
  scope: string,
  options: InvalidatesOptions,
  result: unknown,
  args: readonly unknown[],
): readonly InvalidationIntent[] {
  const described = <T>(
    field: T[] | readonly T[] | ((...given: never[]) => readonly T[]) | undefined,
  ): readonly T[] => {
    if (field === undefined) return [];
    return typeof field === 'function' ? (field as (...given: unknown[]) => readonly T[])(result, ...args) : field;
  };
  return [
    ...described<string>(options.keys).map((key) => InvalidationIntent.key(fullKey(scope, key))),
    ...described<string>(options.tags).map((tag) => InvalidationIntent.tag(tag)),
    ...described<EntityRef>(options.entities).map(([entity, id]) => InvalidationIntent.entity(entity, id)),
    ...described<string>(options.collections).map((collection) => InvalidationIntent.collection(collection)),
    ...described<string>(options.patterns).map((pattern) => InvalidationIntent.pattern(pattern, scope)),
    ...described<InvalidationIntent>(options.intents),
    ...(options.clear === true ? [InvalidationIntent.scope(scope)] : []),
  ];
}
