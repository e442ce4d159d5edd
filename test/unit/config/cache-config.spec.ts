import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { CacheConfig, loadCacheConfig } from '../../../libs/cache/src/nest/config/cache-config.js';
import { checkConfig } from '../../../libs/cache/src/nest/config/config-schema.js';
import { describeConfig } from '../../../libs/cache/src/nest/config/effective-config.js';
import { CacheError } from '../../../libs/cache/src/core/errors/cache-error.js';
import { assertConsistency, chosenBackend } from '../../../libs/cache/src/nest/backends/chosen-backend.js';
import { policyLevels } from '../../../libs/cache/src/nest/policy-levels.js';
import { resolvePolicy, type CacheModuleOptions } from '../../../libs/cache/src/nest/cache.options.js';
import { memory } from '../../../libs/cache/src/adapters/memory/memory.js';
import { MemoryInvalidationLog } from '../../../libs/cache/src/adapters/memory/memory-invalidation-log.js';
import { MemoryHub } from '../../../libs/cache/src/adapters/memory/memory-hub.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A configuration file of this text. */
function file(text: string, name = 'cache.yaml'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const JSON_OF_THE_SEED = JSON.stringify({
  cache: { enabled: true, backend: 'dht', ttl: 30, replication: 3, prefix: 'cache:' },
  services: { user: { actions: { get_user: { cache: { enabled: true, ttl: 60, keys: ['id'] } } } } },
});
const YAML_OF_THE_SEED = `
cache:
  backend: dht
  replication: 3
  ttl: 3600
  prefix: "cache:"
  consistency:
    strategy: "eventual"
    conflict_resolution: "last_write_wins"
`;

function policyOf(options: CacheModuleOptions, scope = 'user', action = 'get_user') {
  const levels = policyLevels(options, scope, action, { method: undefined, scope: undefined });
  const { enabled, policy } = resolvePolicy(levels, 'UserService.getUser');
  return { enabled, ttl: policy.ttlMs / 1000 };
}

describe('loadCacheConfig', () => {
  it('reads the JSON of the seed', () => {
    const config = loadCacheConfig(file(JSON_OF_THE_SEED, 'cache.json'), {});
    expect(config.backend).toBe('dht');
    expect(config.dht).toEqual({ replication: 3, prefix: 'cache:' });
    expect(config.keysOf('user', 'get_user')).toEqual(['id']);
    expect(policyOf({ config })).toEqual({ enabled: true, ttl: 60 });
    expect(policyOf({ config }, 'user', 'other')).toEqual({ enabled: true, ttl: 30 });
  });

  it('reads the YAML of the seed', () => {
    const config = loadCacheConfig(file(YAML_OF_THE_SEED), {});
    expect(config.backend).toBe('dht');
    expect(config.consistency).toBe('eventual');
    expect(policyOf({ config }).ttl).toBe(3600);
  });

  it('takes the file of CACHE_CONFIG, and none where there is none', () => {
    expect(loadCacheConfig(undefined, { CACHE_CONFIG: file(YAML_OF_THE_SEED) }).backend).toBe('dht');
    expect(loadCacheConfig(undefined, {}).file).toBeNull();
    expect(loadCacheConfig(file('')).backend).toBeUndefined();
  });

  it('lets the nearest level win, per field; off for all and on for one service is on for that service', () => {
    const config = loadCacheConfig(
      file('cache: { enabled: false, ttl: 5 }\nservices: { user: { cache: { enabled: true } } }'),
      {},
    );
    expect(policyOf({ config })).toEqual({ enabled: true, ttl: 5 });
    expect(policyOf({ config }, 'order')).toEqual({ enabled: false, ttl: 5 });
  });

  it('lets the environment win over the file, and the file over code, at the same level alone', () => {
    const path = file('cache: { ttl: 20 }\nservices: { user: { cache: { ttl: 30 } } }');
    const code: CacheModuleOptions = { defaults: { ttl: 10 }, services: { order: { ttl: 11 } } };
    const plain = loadCacheConfig(path, {});
    expect(policyOf({ ...code, config: plain }, 'a').ttl).toBe(20);
    expect(policyOf({ ...code, config: plain }, 'order').ttl).toBe(11);
    expect(policyOf({ ...code, config: plain }).ttl).toBe(30);
    expect(policyOf({ services: { user: { ttl: 12 } }, config: plain }).ttl).toBe(30);
    const env = { CACHE_TTL: '40', CACHE_SERVICE_USER_ACTION_GET_USER_TTL: '2m', CACHE_SERVICE_ORDER_ENABLED: 'off' };
    const config = loadCacheConfig(path, env);
    expect(policyOf({ ...code, config }, 'a').ttl).toBe(40);
    expect(policyOf({ ...code, config }, 'user', 'other').ttl).toBe(30);
    expect(policyOf({ ...code, config }).ttl).toBe(120);
    expect(policyOf({ ...code, config }, 'order')).toEqual({ enabled: false, ttl: 11 });
    expect(config.strayVariables(new Map([['user', ['get_user']]]))).toEqual(['CACHE_SERVICE_ORDER_ENABLED']);
  });

  it.each([
    ['cache: { ttl: 0 }', '`cache.ttl` to be a duration longer than 0'],
    ['cache: { ttl: -5 }', 'got `-5` (number)'],
    ['cache: { tll: 60 }', '`cache.tll`; did you mean `ttl`?'],
    ['cache: { enabled: "yes please" }', '`cache.enabled` to be true or false, got "yes please" (string)'],
    ['cash: {}', '`cash`; did you mean `cache`?'],
    ['services: { user: { actions: { get: { cache: { keys: id } } } } }', '`services.user.actions.get.cache.keys`'],
    ['services: { user: { ttl: 60 } }', '`services.user.ttl`'],
    ['services: []', '`services` to be a mapping of names, got an array'],
    ['cache: { replication: 0 }', 'a whole number from 1'],
    ['cache: { consistency: { strategy: strict } }', "'eventual' or 'coherent'"],
    ['cache: [', 'YAML'],
    ['a: &a [x]\nb: *a', 'YAML'],
  ])('refuses %s, naming file, path, expected and got', (text, part) => {
    const path = file(text);
    expect(() => loadCacheConfig(path, {})).toThrow(part);
    expect(() => loadCacheConfig(path, {})).toThrow(path);
  });

  it.each([
    [{ CACHE_TTL: 'soon' }, 'CACHE_TTL'],
    [{ CACHE_TTL: '0' }, 'CACHE_TTL'],
    [{ CACHE_ENABLED: 'maybe' }, 'CACHE_ENABLED'],
    [{ CACHE_REPLICATION: '3.5' }, 'CACHE_REPLICATION'],
    [{ CACHE_SERVICE_USER_TTL: '-1' }, 'CACHE_SERVICE_USER_TTL'],
  ])('refuses %j', (env, name) => {
    expect(() => new CacheConfig(null, env)).toThrow(name);
  });

  it('refuses a file that is not there, or of another kind', () => {
    expect(() => loadCacheConfig(join(folder, 'no.yaml'), {})).toThrow('ENOENT');
    expect(() => loadCacheConfig(file('x', 'cache.toml'), {})).toThrow('.json, .yaml or .yml');
  });

  it('answers any document with a configuration or with one clear error', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (any) => {
        for (const input of [any, { cache: any }, { services: { user: any } }, { services: { u: { actions: any } } }]) {
          try {
            checkConfig(input, 'cache.json');
          } catch (error) {
            expect(error).toBeInstanceOf(CacheError);
            expect((error as CacheError).message).toMatch(
              /^In cache\.json, expected `.+, got .+\. Correct the file\.$/s,
            );
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps what it had when a changed file cannot work, and says why', () => {
    const path = file('cache: { ttl: 20 }');
    const config = loadCacheConfig(path, {});
    file('cache: { ttl: never }');
    expect(() => config.reload()).toThrow('`cache.ttl`');
    expect(policyOf({ config }).ttl).toBe(20);
    file('cache: { ttl: 25 }');
    expect(() =>
      config.reload(() => {
        throw new Error('does not fit the application');
      }),
    ).toThrow('does not fit');
    expect(policyOf({ config }).ttl).toBe(20);
    config.reload();
    expect(policyOf({ config }).ttl).toBe(25);
  });
});

describe('the backend', () => {
  const backends = { hub: new MemoryHub(), other: new MemoryHub() };

  it('is the one that the environment names, then the file, then the code', () => {
    const path = file('cache: { backend: other }');
    const backend = 'hub';
    expect(chosenBackend({ backends, backend }, {})).toEqual({ name: 'hub', tier: backends.hub });
    expect(chosenBackend({ backends, backend, config: loadCacheConfig(path, {}) }, {})).toEqual({
      name: 'other',
      tier: backends.other,
    });
    const config = loadCacheConfig(path, { CACHE_BACKEND: 'hub' });
    expect(chosenBackend({ backends, config }, {})).toEqual({ name: 'hub', tier: backends.hub });
    expect(chosenBackend({ backends, backend: memory() }, { CACHE_BACKEND: 'other' })).toEqual({
      name: 'other',
      tier: backends.other,
    });
    expect(chosenBackend({ backends }, { CACHE_BACKEND: 'memory' }).tier.kind).toBe('memory');
    expect(chosenBackend({}, { CACHE_BACKEND: 'of another program' }).tier.kind).toBe('memory');
  });

  it('must be coherent where the file asks for that', () => {
    class EventualLog extends MemoryInvalidationLog {
      override readonly capabilities = { consistency: 'eventual', clusterWait: false, counts: false } as const;
    }
    const strict = loadCacheConfig(file('cache: { consistency: { strategy: coherent } }'), {});
    const lax = loadCacheConfig(file('cache: { consistency: { strategy: eventual } }', 'lax.yaml'), {});
    expect(() => assertConsistency({ config: strict }, new EventualLog())).toThrow("got 'memory', which is eventual");
    expect(() => assertConsistency({ config: strict }, new MemoryInvalidationLog())).not.toThrow();
    expect(() => assertConsistency({ config: lax }, new EventualLog())).not.toThrow();
    expect(() => assertConsistency({}, new EventualLog())).not.toThrow();
  });

  it('must exist: the names there are stand in the error', () => {
    const config = loadCacheConfig(file('cache: { backend: dht }'), {});
    expect(() => chosenBackend({ backends, config }, {})).toThrow('(memory, hub, other), got "dht"');
    expect(() => chosenBackend({ backend: 'redis' }, {})).toThrow('(memory), got "redis"');
    expect(() => chosenBackend({ backend: {} as MemoryHub }, {})).toThrow('`backend` to be a backend');
    expect(() => chosenBackend({ backends: { a: null as unknown as MemoryHub } }, {})).toThrow('`backends.a`');
  });
});

describe('config print', () => {
  it('shows each value and who said it, and nothing else of the environment', () => {
    const path = file(JSON_OF_THE_SEED, 'cache.json');
    const env = { CACHE_TTL: '45', DATABASE_URL: 'postgres://secret', CACHE_SECRET: 'secret' };
    const text = describeConfig(loadCacheConfig(path, env));
    expect(text).toMatch(/^cache\.ttl +"45" +\(environment CACHE_TTL\)$/m);
    expect(text).toMatch(/^services\.user\.actions\.get_user\.cache\.ttl +60 +\(.*cache\.json\)$/m);
    expect(text).toMatch(/^cache\.grace +0 +\(default\)$/m);
    expect(text).not.toContain('secret');
  });
});
