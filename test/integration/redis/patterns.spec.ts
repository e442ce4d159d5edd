import { startRedis } from '../../../launcher/services.mjs';
import { withServer } from './admin.js';
import { Instance } from './instance.js';
import { Wire } from './wire.js';

describe('pattern invalidations in Redis', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let a: Instance;
  let b: Instance;
  const patterns = (...texts: string[]) => ({ patterns: texts.map((pattern) => ({ pattern, scope: 'user' })) });

  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
    a = await Instance.open({ namespace: 'shop', tier: { url: server.url, readTimeout: 5, maxPatterns: 20 } });
    b = await Instance.open({ namespace: 'shop', tier: { url: server.url, readTimeout: 5, maxPatterns: 20 } });
  });

  afterAll(async () => {
    await a?.close();
    await b?.close();
    await server?.stop();
  });

  it('hit what matches in their scope and nothing else', async () => {
    const keys = ['user:get_user:1', 'user:get_user:2', 'user:get_users', 'order:get_user:1'];
    for (const key of keys) await a.store(key, key);
    await b.invalidate(patterns('get_user:*'));
    const values = await Promise.all(keys.map((key) => a.value(key)));
    expect(values).toEqual([null, null, 'user:get_users', 'order:get_user:1']);
  });

  it('do not hit what was filled after them', async () => {
    await a.invalidate(patterns('get_user:*'));
    await a.store('user:get_user:9', 'new');
    expect(await b.value('user:get_user:9')).toBe('new');
  });

  it('are known to an instance that came later', async () => {
    await a.store('user:get_user:3', 'old');
    const wire = await Wire.to(server);
    const late = await Instance.open({ namespace: 'shop', tier: { url: wire.url, readTimeout: 5 } });
    await a.invalidate(patterns('get_user:3'));
    expect(await late.value('user:get_user:3')).toBeNull();
    await late.close();
    await wire.close();
  });

  // The list is bounded; what it forgets becomes a floor: cold, never stale.
  it('beyond the limit make older entries cold', async () => {
    await a.store('user:get_user:4', 'old');
    await a.store('user:other:4', 'old');
    await b.invalidate(patterns('get_user:4'));
    for (let n = 0; n < 30; n += 1) await b.invalidate(patterns(`nothing:${n}`));
    expect(await a.value('user:get_user:4')).toBeNull();
    expect(await a.value('user:other:4')).toBeNull();
    await withServer(server.url, async (client) => {
      expect(await client.zcard('larder:{shop}:pat')).toBeLessThanOrEqual(20);
    });
  });

  it('are not forgotten when their list is lost', async () => {
    await a.store('user:get_user:5', 'old');
    await b.invalidate(patterns('get_user:5'));
    await withServer(server.url, (client) => client.del('larder:{shop}:pat'));
    const late = await Instance.open({ namespace: 'shop', tier: { url: server.url, readTimeout: 5 } });
    await late.value('user:get_user:5'); // the first look finds the loss
    expect(await late.value('user:get_user:5')).toBeNull();
    expect(await a.value('user:get_user:5')).toBeNull();
    await late.close();
  });

  it('give the memory back in the background, of keys known by their hash only too', async () => {
    const long = `user:get_user:${'x'.repeat(700)}`;
    const keys = Array.from({ length: 3000 }, (_, n) => `user:sweep:${n}`);
    await a.invalidate(patterns('nothing:*')); // makes good what the case before has lost: everything older is cold
    await Promise.all([...keys, long].map((key) => a.store(key, 'old')));
    await a.store('user:keep:1', 'kept');
    const entries = () =>
      withServer(server.url, async (client) =>
        (await client.keys('larder:{shop}:e:*')).filter((key) => /sweep|e:h:/.test(key)),
      );
    expect(await entries()).toHaveLength(3001);
    await b.invalidate(patterns('sweep:*', 'get_user:xxx*'));
    await b.until('the sweep', async () => (await entries()).length === 0);
    expect(await a.value('user:keep:1')).toBe('kept');
    expect(b.announcements('swept').length).toBeGreaterThan(0);
  });

  it('are acknowledged without regard to the number of keys', async () => {
    await withServer(server.url, async (client) => {
      await client.config('RESETSTAT');
      await a.invalidate(patterns('get_user:*'));
      const info = await client.info('commandstats');
      expect(info).not.toMatch(/cmdstat_keys|cmdstat_flush/);
    });
  });
});
