import { CacheError, describeInput } from '../core/errors/cache-error.js';
import type { CacheRegistry } from './cache-registry.js';
import type { CacheModuleOptions } from './cache.options.js';

/**
 * Finds names in the options that nothing in the application has: a slip of the pen there would change nothing, silently.
 * A scope without cached methods may be meant for `CacheService`, so that is only worth a warning.
 *
 * @returns warnings
 * @throws CacheError `LARDER_OPTION_INVALID` for an action that no method has
 */
export function checkNames(options: CacheModuleOptions, registry: CacheRegistry): readonly string[] {
  const inCode = Object.entries(options.services ?? {}).map(
    ([scope, { actions = {} }]) => [scope, Object.keys(actions)] as const,
  );
  const inFile = Object.entries(options.config?.services ?? {}).map(
    ([scope, { actions }]) => [scope, actions] as const,
  );
  const services = [...inCode, ...inFile];
  for (const [scope, actions] of services) {
    const known = registry.declaredIn(scope);
    const unknown = actions.find((action) => !known.includes(action));
    if (unknown === undefined) continue;
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`services.${scope}.actions\` to name cached methods of the scope (${list(known)}), got ${describeInput(unknown)}. Correct the name; it is the method's, unless its decorator sets \`name\`.`,
    );
  }
  const mapped = (options.events ?? []).flatMap(({ scope }) => (scope === undefined ? [] : [scope]));
  const scopes = new Map(registry.declaredScopes().map((scope) => [scope, registry.declaredIn(scope)]));
  const stray = options.config?.strayVariables(scopes) ?? [];
  const strayWarnings = stray.map(
    (name) =>
      `The environment variable ${name} means no service or action of the application (${list([...scopes.keys()])}); it changes nothing.`,
  );
  const unknownScopes = [
    ...services.map(([scope]) => ({ scope, where: `services.${scope}` })),
    ...mapped.map((scope) => ({ scope, where: `the mapping of an event to scope '${scope}'` })),
  ]
    .filter(({ scope }) => registry.declaredIn(scope).length === 0)
    .map(
      ({ where }) =>
        `${where} names a scope without cached methods (${list(registry.declaredScopes())}): it concerns what CacheService keeps there, and nothing else.`,
    );
  return [...strayWarnings, ...unknownScopes];
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'there are none' : names.join(', ');
}
