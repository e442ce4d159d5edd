import type { CachePolicyOptions } from '../decorators/decorator.options.js';
import {
  LEVEL_VARIABLES,
  SERVICE_PREFIX,
  globalFromEnvironment,
  levelFromEnvironment,
  variablePrefix,
} from './config-environment.js';
import { findConfigFile, readConfigFile } from './config-file.js';
import type { ActionConfig, ConfigFile, GlobalConfig } from './config-schema.js';

/** What a `dht()` backend is told by the configuration: `dht({ network, ...config.dht })`. */
export type DhtConfig = Pick<GlobalConfig, 'replication' | 'prefix'>;

/**
 * What a file and the environment say of the cache, for `CacheModule.forRoot({ config })`. The nearest level that says
 * anything wins, per field: action over service over global; at the same level the environment over the file over code.
 */
export class CacheConfig {
  private content: ConfigFile;
  private readonly environment: GlobalConfig;
  /** What variables say of services and actions, by the prefix of their names. */
  private readonly spoken: ReadonlyMap<string, CachePolicyOptions>;

  /** @throws CacheError `LARDER_OPTION_INVALID` naming file and place in it, or variable, what was expected and what came */
  constructor(
    /** The file's path; `null`: there is none. */
    readonly file: string | null,
    private readonly env: NodeJS.ProcessEnv,
  ) {
    this.content = file === null ? {} : readConfigFile(file);
    this.environment = globalFromEnvironment(env);
    this.spoken = new Map(prefixesIn(env).map((prefix) => [prefix, levelFromEnvironment(env, prefix)]));
  }

  /** The name of the backend that is to be used; `undefined`: nobody said. */
  get backend(): string | undefined {
    return this.environment.backend ?? this.content.cache?.backend;
  }

  /** What was asked for, which a backend may fall short of; `undefined`: nobody said. */
  get consistency(): 'eventual' | 'coherent' | undefined {
    return this.content.cache?.consistency?.strategy;
  }

  get dht(): DhtConfig {
    const { replication, prefix } = { ...this.content.cache, ...this.environment };
    return { ...(replication === undefined ? {} : { replication }), ...(prefix === undefined ? {} : { prefix }) };
  }

  /** Services of the file, with their actions. */
  get services(): Readonly<Record<string, { readonly actions: readonly string[] }>> {
    const entries = Object.entries(this.content.services ?? {});
    return Object.fromEntries(entries.map(([scope, { actions = {} }]) => [scope, { actions: Object.keys(actions) }]));
  }

  /** The global level, the environment's words first. */
  globalLevels(): readonly CachePolicyOptions[] {
    return [this.environment, this.content.cache ?? {}].map(globalPolicyIn);
  }

  /** The level of a service. */
  serviceLevels(scope: string): readonly CachePolicyOptions[] {
    return [this.fromEnvironment(scope), this.content.services?.[scope]?.cache ?? NOTHING];
  }

  /** The level of an action. */
  actionLevels(scope: string, action: string): readonly CachePolicyOptions[] {
    return [
      this.fromEnvironment(scope, action),
      actionPolicyIn(this.content.services?.[scope]?.actions?.[action]?.cache ?? NOTHING),
    ];
  }

  /** Which parameters enter the key of an action; `undefined`: the file does not say. */
  keysOf(scope: string, action: string): readonly string[] | undefined {
    return this.content.services?.[scope]?.actions?.[action]?.cache?.keys;
  }

  /** Variables that are meant for a service or an action and meet none of these. */
  strayVariables(scopes: ReadonlyMap<string, readonly string[]>): readonly string[] {
    const known = new Set(
      [...scopes].flatMap(([scope, actions]) =>
        [variablePrefix(scope), ...actions.map((action) => variablePrefix(scope, action))].flatMap((prefix) =>
          LEVEL_VARIABLES.map((field) => prefix + field),
        ),
      ),
    );
    return Object.keys(this.env).filter((name) => name.startsWith(SERVICE_PREFIX) && !known.has(name));
  }

  /**
   * Reads the file again. A file that cannot work changes nothing.
   *
   * @param check throws where what was read cannot work in the application
   * @throws CacheError `LARDER_OPTION_INVALID` saying why, and what `check` throws
   */
  reload(check: () => void = () => undefined): void {
    if (this.file === null) return;
    const before = this.content;
    this.content = readConfigFile(this.file);
    try {
      check();
    } catch (error) {
      this.content = before;
      throw error;
    }
  }

  /** Asked call by call by `CacheService`, so no name is made where no variable speaks of any service. */
  private fromEnvironment(scope: string, action?: string): CachePolicyOptions {
    return (this.spoken.size > 0 ? this.spoken.get(variablePrefix(scope, action)) : undefined) ?? NOTHING;
  }
}

const NOTHING: CachePolicyOptions = Object.freeze({});

/** Prefixes of the variables of services that stand in the environment. */
function prefixesIn(env: NodeJS.ProcessEnv): readonly string[] {
  const names = Object.keys(env).filter((name) => name.startsWith(SERVICE_PREFIX));
  return [...new Set(names.map((name) => name.slice(0, name.lastIndexOf('_') + 1)))];
}

/**
 * Reads the configuration of the cache: a JSON or YAML file, and the environment.
 *
 * @param file its path; without one that of `CACHE_CONFIG`, or `cache.config.json`, `.yaml` or `.yml` of the working
 *   directory, or none
 * @throws CacheError `LARDER_OPTION_INVALID` naming file and place in it, or variable, what was expected and what came
 */
export function loadCacheConfig(file?: string, env: NodeJS.ProcessEnv = process.env): CacheConfig {
  return new CacheConfig(findConfigFile(file, env), env);
}

/** What the global level says of reads alone; its backend is the main one, which is not a field of their policies. */
function globalPolicyIn(level: GlobalConfig): CachePolicyOptions {
  const { backend: _, replication: __, prefix: ___, consistency: ____, ...policy } = level;
  return policy;
}

/** What an action says of reads alone. */
function actionPolicyIn(level: ActionConfig): CachePolicyOptions {
  const { keys: _, ...policy } = level;
  return policy;
}
