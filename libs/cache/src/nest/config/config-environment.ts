import { durationToMs } from '../../core/clock/duration.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import type { ActionConfig, GlobalConfig } from './config-schema.js';

/** What variables of a level may be called, after its prefix. */
export const LEVEL_VARIABLES = ['ENABLED', 'TTL', 'GRACE', 'BACKEND'] as const;

/** Variables of services begin so; names are in capitals, `getUser` is `GET_USER`. */
export const SERVICE_PREFIX = 'CACHE_SERVICE_';

/**
 * The global level: `CACHE_ENABLED`, `CACHE_TTL`, `CACHE_GRACE`, `CACHE_BACKEND`, `CACHE_PREFIX`, `CACHE_REPLICATION`.
 * @throws CacheError `LARDER_OPTION_INVALID` naming the variable
 */
export function globalFromEnvironment(env: NodeJS.ProcessEnv): GlobalConfig {
  const prefix = text(env, 'CACHE_PREFIX');
  const replication = text(env, 'CACHE_REPLICATION');
  if (replication !== undefined && !/^[1-9]\d{0,5}$/.test(replication))
    throw invalid('CACHE_REPLICATION', 'a whole number from 1', replication);
  return {
    ...levelFromEnvironment(env, 'CACHE_'),
    ...(prefix === undefined ? {} : { prefix }),
    ...(replication === undefined ? {} : { replication: Number(replication) }),
  };
}

/** `CACHE_SERVICE_USER_TTL`, `CACHE_SERVICE_USER_ACTION_GET_USER_TTL` and their like. */
export function variablePrefix(scope: string, action?: string): string {
  const service = `${SERVICE_PREFIX}${capitals(scope)}_`;
  return action === undefined ? service : `${service}ACTION_${capitals(action)}_`;
}

/** @throws CacheError `LARDER_OPTION_INVALID` naming the variable */
export function levelFromEnvironment(
  env: NodeJS.ProcessEnv,
  prefix: string,
): Pick<ActionConfig, 'enabled' | 'ttl' | 'grace' | 'backend'> {
  const enabled = text(env, `${prefix}ENABLED`);
  const ttl = durationOf(env, `${prefix}TTL`, 1);
  const grace = durationOf(env, `${prefix}GRACE`, 0);
  const backend = text(env, `${prefix}BACKEND`);
  return {
    ...(enabled === undefined ? {} : { enabled: flagOf(`${prefix}ENABLED`, enabled) }),
    ...(ttl === undefined ? {} : { ttl }),
    ...(grace === undefined ? {} : { grace }),
    ...(backend === undefined ? {} : { backend }),
  };
}

/** An empty variable says nothing. */
function text(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

function flagOf(name: string, value: string): boolean {
  if (/^(true|1|on|yes)$/i.test(value)) return true;
  if (/^(false|0|off|no)$/i.test(value)) return false;
  throw invalid(name, 'true or false', value);
}

function durationOf(env: NodeJS.ProcessEnv, name: string, least: number): string | undefined {
  const value = text(env, name);
  if (value === undefined) return undefined;
  try {
    if (durationToMs(value) >= least) return value;
  } catch {
    // said below, with the name of the variable
  }
  throw invalid(name, `a duration${least > 0 ? ' longer than 0' : ''}: seconds, or text with a unit such as 5m`, value);
}

function capitals(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase();
}

function invalid(name: string, expected: string, got: string): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected the environment variable ${name} to be ${expected}, got ${describeInput(got)}. Correct or unset it.`,
  );
}
