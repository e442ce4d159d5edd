import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Injectable, Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cached,
  CacheConfigReload,
  CacheHealth,
  CacheModule,
  CacheScope,
  InMemoryAuditStore,
  MemoryHub,
  type CacheModuleOptions,
} from 'nestjs-larder';
import { loadCacheConfig } from 'nestjs-larder/config';

let loads = 0;

@CacheScope('user')
@Injectable()
class UserService {
  @Cached({ name: 'get_user', ttl: 10 })
  async getUser(query: { id: number; trace?: string }): Promise<string> {
    loads += 1;
    return `user ${query.id} of load ${loads}`;
  }

  @Cached({ name: 'other', enabled: false })
  async other(): Promise<number> {
    loads += 1;
    return loads;
  }
}

let folder: string;
let path: string;
const write = (text: string) => writeFileSync(path, text);

beforeEach(() => {
  loads = 0;
  folder = mkdtempSync(join(tmpdir(), 'larder-config-'));
  path = join(folder, 'cache.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

async function boot(options: CacheModuleOptions = {}, env: NodeJS.ProcessEnv = {}) {
  const audit = new InMemoryAuditStore();
  const module = await Test.createTestingModule({
    imports: [CacheModule.forRoot({ namespace: 'shop', audit, config: loadCacheConfig(path, env), ...options })],
    providers: [UserService],
  }).compile();
  await module.init();
  return { module, audit, users: module.get(UserService), reload: module.get(CacheConfigReload) };
}

describe('an application with a configuration file', () => {
  it('takes the fields that enter the key from it', async () => {
    write('services: { user: { actions: { get_user: { cache: { keys: [id] } } } } }');
    const { module, users } = await boot();
    const first = await users.getUser({ id: 1, trace: 'a' });
    expect(await users.getUser({ id: 1, trace: 'b' })).toBe(first);
    expect(await users.getUser({ id: 2 })).not.toBe(first);
    await module.close();
  });

  it('switches actions off and on and changes their ttl without a restart, and records that', async () => {
    write('services: { user: { actions: { get_user: { cache: { enabled: false } } } } }');
    const { module, users, reload, audit } = await boot();
    expect(await users.getUser({ id: 1 })).not.toBe(await users.getUser({ id: 1 }));
    write('services: { user: { actions: { other: { cache: { enabled: true } } } } }');
    await reload.reload({ actor: 'ops', reason: 'quiet again' });
    expect(await users.getUser({ id: 1 })).toBe(await users.getUser({ id: 1 }));
    expect(await users.other()).toBe(await users.other());
    const { records } = await audit.list({ namespace: 'shop' });
    expect(records[0]).toMatchObject({ pattern: 'cache/config/reload', triggeredBy: 'ops', reason: 'quiet again' });
    await module.close();
  });

  it('keeps what holds when the changed file cannot work', async () => {
    write('cache: { ttl: 60 }');
    const { module, users, reload } = await boot();
    write('cache: { tll: 1 }');
    await expect(reload.reload()).rejects.toThrow('did you mean `ttl`');
    expect(await users.getUser({ id: 1 })).toBe(await users.getUser({ id: 1 }));
    await module.close();
  });

  it('reads its file again on SIGHUP, where that is wished', async () => {
    write('cache: { ttl: 60 }');
    const { module, users } = await boot({ reloadOnSighup: true });
    expect(await users.getUser({ id: 1 })).toBe(await users.getUser({ id: 1 }));
    write('services: { user: { actions: { get_user: { cache: { enabled: false } } } } }');
    process.emit('SIGHUP');
    expect(await users.getUser({ id: 1 })).not.toBe(await users.getUser({ id: 1 }));
    await module.close();
    expect(process.listenerCount('SIGHUP')).toBe(0);
  });

  it('uses the backend that file or environment name', async () => {
    write('cache: { backend: shared }');
    const backends = { shared: new MemoryHub(), other: new MemoryHub() };
    const { module } = await boot({ backends });
    expect(module.get(CacheHealth).report().tiers).toEqual(['memory', 'memory-hub']);
    await module.close();
    await expect(boot({ backends }, { CACHE_BACKEND: 'dht' })).rejects.toThrow('(memory, shared, other), got "dht"');
  });

  it('warns of variables that mean nothing here', async () => {
    write('');
    const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const { module } = await boot({}, { CACHE_SERVICE_USR_TTL: '5', CACHE_SERVICE_USER_TTL: '5' });
    const texts = warned.mock.calls.map(([text]) => String(text)).filter((text) => text.includes('CACHE_SERVICE'));
    expect(texts).toEqual([expect.stringContaining('CACHE_SERVICE_USR_TTL')]);
    warned.mockRestore();
    await module.close();
  });

  it('does not start with an action that no method has', async () => {
    write('services: { user: { actions: { get_usr: { cache: { ttl: 5 } } } } }');
    await expect(boot()).rejects.toThrow('get_usr');
  });
});
