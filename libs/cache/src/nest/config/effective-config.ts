import { variablePrefix } from './config-environment.js';
import type { CacheConfig } from './cache-config.js';
import { CACHE_POLICY_DEFAULTS, type CachePolicyOptions } from '../decorators/decorator.options.js';

/** One value that counts, and who said it. */
interface Line {
  readonly path: string;
  readonly value: unknown;
  readonly from: string;
}

const HEAD = [
  'What file and environment say, and the defaults where they say nothing. Decorators and options in code',
  'cannot be seen from here: they stand between file and defaults, at their level.',
];

/** The effective configuration as text. Shows policies and names alone: nothing else of the environment, so no secret. */
export function describeConfig(config: CacheConfig): string {
  const file = config.file === null ? null : `file ${config.file}`;
  const lines: Line[] = [
    ...(config.backend === undefined
      ? [{ path: 'cache.backend', value: 'that of the code, else memory', from: 'default' }]
      : [{ path: 'cache.backend', value: config.backend, from: 'environment or file' }]),
    ...Object.entries(config.dht).map(([field, value]) => ({
      path: `cache.${field}`,
      value,
      from: 'environment or file',
    })),
    ...level('cache', config.globalLevels(), 'CACHE_', file, CACHE_POLICY_DEFAULTS),
  ];
  for (const [scope, { actions }] of Object.entries(config.services)) {
    const path = `services.${scope}`;
    lines.push(...level(`${path}.cache`, config.serviceLevels(scope), variablePrefix(scope), file));
    for (const action of actions) {
      const place = `${path}.actions.${action}.cache`;
      lines.push(...level(place, config.actionLevels(scope, action), variablePrefix(scope, action), file));
      const keys = config.keysOf(scope, action);
      if (keys !== undefined) lines.push({ path: `${place}.keys`, value: keys, from: file! });
    }
  }
  const wide = Math.max(...lines.map(({ path }) => path.length));
  const shown = lines.map(({ path, value, from }) => `${path.padEnd(wide)}  ${JSON.stringify(value)}  (${from})`);
  return [...HEAD, `File: ${config.file ?? 'none'}`, '', ...shown].join('\n');
}

function level(
  path: string,
  [environment = {}, content = {}]: readonly CachePolicyOptions[],
  prefix: string,
  file: string | null,
  defaults: CachePolicyOptions = {},
): Line[] {
  const fields = Object.keys({ ...defaults, ...content, ...environment }) as (keyof CachePolicyOptions)[];
  return fields.map((field) => {
    const at = `${path}.${field}`;
    if (environment[field] !== undefined)
      return { path: at, value: environment[field], from: `environment ${prefix}${field.toUpperCase()}` };
    if (content[field] !== undefined) return { path: at, value: content[field], from: file ?? 'file' };
    return { path: at, value: defaults[field], from: 'default' };
  });
}
