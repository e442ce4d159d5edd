import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import { InvalidationIntent } from '../../core/invalidation/intent.js';
import { fullKey } from '../../core/keys/local-key.js';
import type { EntityRef, InvalidatesOptions } from '../decorators/decorator.options.js';

const TARGETS = ['keys', 'tags', 'entities', 'collections', 'patterns', 'intents'] as const;

/**
 * Whoever writes `@Invalidates` means something by it: naming nothing is a slip of the pen.
 *
 * @throws CacheError `LARDER_OPTION_INVALID`
 */
export function assertNamesTargets(options: InvalidatesOptions, where: string): void {
  if (options.clear === true || TARGETS.some((target) => options[target] !== undefined)) return;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected @Invalidates() of ${where} to name what it invalidates (${TARGETS.join(', ')}, or \`clear: true\` for all of its scope), got ${describeInput(Object.keys(options).join(', ') || options)}. Name it, or take the decorator away.`,
  );
}

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
