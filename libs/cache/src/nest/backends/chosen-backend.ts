import { memory } from '../../adapters/memory/memory.js';
import type { InvalidationLog } from '../../core/coherence/invalidation-log.port.js';
import { SharedTier } from '../../core/coherence/shared-tier.port.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import type { CacheModuleOptions } from '../cache.options.js';

/** A backend and what it is called in configuration, errors, health and metrics. */
export interface NamedTier {
  readonly name: string;
  readonly tier: SharedTier;
}

/**
 * The main backend of an application: the one that file or environment name, else the one of the code (REQ-002-02, 13).
 * One that the code gives without a name is called after its technology.
 *
 * @throws CacheError `LARDER_OPTION_INVALID` for a name that no backend has, with the names there are
 */
export function chosenBackend(
  { backend, backends = {}, config }: CacheModuleOptions,
  env: NodeJS.ProcessEnv = process.env,
): NamedTier {
  for (const [name, tier] of Object.entries(backends)) assertTier(tier, `backends.${name}`);
  const named = Object.keys(backends).length > 0 ? env['CACHE_BACKEND'] || undefined : undefined;
  const said = config?.backend ?? named;
  if (said !== undefined) return byName(said, backends, 'the backend that file or environment choose');
  if (typeof backend === 'string') return byName(backend, backends, '`backend`');
  const tier = backend === undefined ? memory() : assertTier(backend, 'backend');
  return { name: nameOf(tier, backends), tier };
}

/**
 * A backend by its name.
 *
 * @param what says whose name it is
 * @param main the main backend's name, which is one of the names there are
 * @throws CacheError `LARDER_OPTION_INVALID` with the names there are
 */
export function byName(
  name: string,
  backends: Readonly<Record<string, SharedTier>>,
  what: string,
  main?: string,
): NamedTier {
  if (Object.hasOwn(backends, name)) return { name, tier: backends[name]! };
  if (name === 'memory') return { name, tier: memory() };
  const known = [...new Set([...(main === undefined ? [] : [main]), 'memory', ...Object.keys(backends)])].join(', ');
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected ${what} to be the name of a backend (${known}), got ${describeInput(name)}. Correct the name, or add it: CacheModule.forRoot({ backends: { … } }).`,
  );
}

/**
 * A configuration that asks for coherence must not get less.
 *
 * @throws CacheError `LARDER_OPTION_INVALID`
 */
export function assertConsistency({ config }: CacheModuleOptions, { kind, capabilities }: InvalidationLog): void {
  if (config?.consistency !== 'coherent' || capabilities.consistency === 'coherent') return;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected a coherent backend, as \`cache.consistency.strategy\` says, got '${kind}', which is eventual. Choose another backend, or write 'eventual'.`,
  );
}

function nameOf(tier: SharedTier, backends: Readonly<Record<string, SharedTier>>): string {
  const registered = Object.keys(backends).find((name) => backends[name] === tier);
  return registered ?? (Object.hasOwn(backends, tier.kind) ? 'main' : tier.kind);
}

function assertTier(tier: unknown, field: string): SharedTier {
  if (tier instanceof SharedTier) return tier;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` to be a backend, got ${describeInput(tier)}. Use memory(), redis(), custom() or another factory.`,
  );
}
