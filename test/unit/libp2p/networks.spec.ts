import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { spawnSync } from 'node:child_process';
import { buildLibrary } from '../../chaos/library.mjs';
import { currentNetwork, dht, runInNetwork } from '../../../libs/cache/src/adapters/libp2p/index.js';
import { Cached, CacheModule, CacheScope, CacheService } from '../../../libs/cache/src/index.js';

let loads = 0;

@CacheScope('shop')
@Injectable()
class Shop {
  @Cached({ ttl: '10m' })
  async product(id: number): Promise<string> {
    loads += 1;
    return `${currentNetwork() ?? 'nowhere'} ${id}`;
  }
}

describe('networks taken from the context', () => {
  it('share no value, no load and no invalidation, and outside of any nothing is cached', async () => {
    const tier = dht({ network: currentNetwork, psk: 'a secret of sixteen', listen: '/ip4/127.0.0.1/tcp/0' });
    @Module({ imports: [CacheModule.forRoot({ namespace: 'app', backend: tier })], providers: [Shop] })
    class App {}
    const app = await NestFactory.createApplicationContext(App, { logger: false });
    const shop = app.get(Shop);
    const cache = app.get(CacheService);
    const read = (network: string) => runInNetwork(network, () => shop.product(1));
    try {
      expect(await Promise.all([read('a'), read('b'), read('a')])).toEqual(['a 1', 'b 1', 'a 1']);
      expect(loads).toBe(2);
      while (Object.values(tier.counts()).length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
      expect([await read('a'), await read('b')]).toEqual(['a 1', 'b 1']);
      expect(loads).toBe(2);
      await runInNetwork('a', () => cache.delete('product:1', { scope: 'shop' }));
      expect([await read('a'), await read('b')]).toEqual(['a 1', 'b 1']);
      expect(loads).toBe(3);
      await runInNetwork('a', () => cache.revoke('product:*', { scope: 'shop' }));
      expect(await read('a')).toBe('a 1');
      expect(loads).toBe(4);
      expect([await shop.product(1), await shop.product(1)]).toEqual(['nowhere 1', 'nowhere 1']);
      expect(loads).toBe(6);
      await expect(cache.delete('product:1', { scope: 'shop' })).rejects.toThrow(/runInNetwork/);
      await expect(
        runInNetwork('a', () => cache.delete('product:1', { scope: 'shop', wait: 'cluster' })),
      ).rejects.toMatchObject({ code: 'LARDER_WAIT_UNSUPPORTED' });
    } finally {
      await app.close();
    }
  }, 60_000);
});

describe('without libp2p installed', () => {
  beforeAll(buildLibrary, 120_000);

  it('an application with dht() does not start, and says what to install; the rest of the library loads', () => {
    const hooks = `export async function resolve(name, context, next) {
      if (/^(libp2p|@libp2p\\/|@multiformats\\/)/.test(name)) {
        throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: 'ERR_MODULE_NOT_FOUND' });
      }
      return next(name, context);
    }`;
    const script = `
      import { register } from 'node:module';
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
      const { loadLibp2p } = await import(process.argv[1]);
      await loadLibp2p().catch(({ code, message }) => console.log(JSON.stringify({ code, message })));`;
    const built = new URL('../../../libs/cache/dist/adapters/libp2p/load-libp2p.js', import.meta.url).href;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script, built], { encoding: 'utf8' });
    const { code, message } = JSON.parse(stdout) as { code: string; message: string };
    expect(code).toBe('LARDER_PACKAGE_MISSING');
    expect(message).toContain('npm install libp2p @libp2p/gossipsub');
  });
});
