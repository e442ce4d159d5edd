import type { CacheModuleOptions } from './cache.options.js';
import type { CachePolicyOptions } from './decorators/decorator.options.js';

type Level = CachePolicyOptions | undefined;

/** What the decorators of a method say. */
export interface DeclaredPolicy {
  readonly method: Level;
  readonly scope: Level;
}

/**
 * The levels of the configuration for one action, nearest first: action, service, global; at each of them the environment,
 * the file, the module's options, the decorator (REQ-002-07, 13).
 */
export function policyLevels(
  { config, services, defaults }: CacheModuleOptions,
  scope: string,
  action: string | null,
  declared: DeclaredPolicy,
): readonly Level[] {
  const service = services?.[scope];
  const own = action === null ? [] : [...(config?.actionLevels(scope, action) ?? []), service?.actions?.[action]];
  return [
    ...own,
    declared.method,
    ...(config?.serviceLevels(scope) ?? []),
    service,
    declared.scope,
    ...(config?.globalLevels() ?? []),
    defaults,
  ];
}
