import { Redis } from 'ioredis';
import { startRedisCluster } from '../../../launcher/services.mjs';
import { withServer } from './admin.js';
import { Instance } from './instance.js';

type RedisCluster = Awaited<ReturnType<typeof startRedisCluster>>;

// Three primaries: entries are spread, the control record is in one slot.
describe('a Redis Cluster as the shared tier', () => {
  let cluster: RedisCluster;
  let a: Instance;
  let b: Instance;
  const masters = (): readonly string[] => cluster.urls.slice(0, 3);
  const tier = () => ({
    cluster: { nodes: cluster.urls.map((url) => url.replace('redis://', '')) },
    lease: '1s',
    readTimeout: 5,
  });
  const entries = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const url of masters())
      found.push(...(await withServer(url, (client: Redis) => client.keys('larder:{shop/*}:e'))));
    return found;
  };

  beforeAll(async () => {
    cluster = await startRedisCluster({ masters: 3, replicas: 0 });
    a = await Instance.open({ namespace: 'shop', tier: tier() });
    b = await Instance.open({ namespace: 'shop', tier: tier() });
    await a.until('both to be leased', () => a.leased && b.leased);
  }, 60_000);

  afterAll(async () => {
    await a?.close();
    await b?.close();
    await cluster?.stop();
  });

  const keys = Array.from({ length: 60 }, (_, n) => `user:get_user:${n}`);
  const cases = [
    { by: 'key', targets: { keys } },
    { by: 'tag', targets: { tags: ['users'] } },
    { by: 'scope clear', targets: { tags: ['%scope:user'] } },
    { by: 'pattern', targets: { patterns: [{ pattern: 'get_user:*', scope: 'user' }] } },
    { by: 'flush', targets: { flush: true } },
  ];

  it.each(cases)('never lets a fill in flight on A survive what B invalidates by $by', async ({ targets }) => {
    await b.invalidate({ keys });
    const permits = await Promise.all(keys.map((key) => a.miss(key)));
    await b.invalidate(targets);
    await Promise.all(keys.map((key, n) => a.fill(key, permits[n]!, 'old', { tags: ['%scope:user', 'users'] })));
    expect((await Promise.all(keys.map((key) => a.value(key)))).every((value) => value === null)).toBe(true);
    expect((await Promise.all(keys.map((key) => b.value(key)))).every((value) => value === null)).toBe(true);
  });

  it.each(cases)('drops entries on every primary at once, by $by (G3)', async ({ targets }) => {
    await b.invalidate({ keys });
    await Promise.all(keys.map((key) => a.store(key, 'old', { tags: ['%scope:user', 'users'] })));
    expect((await Promise.all(keys.map((key) => b.value(key)))).every((value) => value === 'old')).toBe(true);
    await b.invalidate(targets);
    expect((await Promise.all(keys.map((key) => a.value(key)))).every((value) => value === null)).toBe(true);
  });

  it('spreads entries, and sweeps every primary after a pattern', async () => {
    await Promise.all(keys.map((key) => a.store(key.replace('get_user', 'sweep'), 'old')));
    expect((await entries()).filter((key) => key.includes('sweep'))).toHaveLength(60);
    for (const url of masters()) {
      expect((await withServer(url, (client) => client.keys('larder:{shop/*}:e'))).length).toBeGreaterThan(0);
    }
    await b.invalidate({ patterns: [{ pattern: 'sweep:*', scope: 'user' }] });
    await b.until('the sweep', async () => (await entries()).filter((key) => key.includes('sweep')).length === 0);
  });

  it('tells how many entries were removed', async () => {
    const some = keys.slice(0, 5).map((key) => key.replace('get_user', 'count'));
    await Promise.all(some.map((key) => a.store(key, 'x')));
    expect(await b.invalidate({ keys: [...some, 'user:count:none'] })).toMatchObject({ removed: 5 });
  });

  it('puts outright, against fills under way, and keeps what came after', async () => {
    const key = 'user:put:1';
    const permit = await a.miss(key);
    await b.backend.put(key, { payload: Buffer.from('put'), tags: ['t'], freshMs: 5000, keepMs: 5000 });
    expect(await a.fill(key, permit, 'loaded')).toBe(false);
    expect(await a.value(key)).toBe('put');
    await a.until('A to have heard', () => a.applied.some(({ reason }) => reason === 'set'));
    await a.invalidate({ keys: [key] });
    expect(await b.value(key)).toBeNull();
  });

  it('shows stale entries, elects, releases and renews as one server does', async () => {
    const key = 'user:grace:1';
    await a.store(key, 'stale', { freshMs: 30, graceMs: 60_000 });
    await a.until('the entry to be stale', async () => !(await b.read(key)).hit);
    const first = await a.read(key);
    if (first.hit || first.stale === null) throw new Error('expected a stale entry');
    expect(first.stale.freshMs).toBeLessThanOrEqual(0);
    await a.backend.release(key, first.permit);
    const second = await b.read(key);
    if (second.hit) throw new Error('expected a miss');
    expect(second.owner).toBe(true);
    expect(await b.fill(key, second.permit, 'fresh')).toBe(true);
    expect(await a.read(key, true)).toMatchObject({ hit: false, owner: true });
    expect(await a.value(key)).toBe('fresh');
  });

  it('makes strict invalidations wait for every member', async () => {
    await a.invalidate({ tags: ['warm-up'] }, 'cluster');
    for (let n = 0; n < 5; n += 1) {
      await a.invalidate({ tags: [`strict ${n}`] }, 'cluster');
      expect(b.applied.some(({ tags }) => tags[0] === `strict ${n}`)).toBe(true);
    }
  });

  it('keeps namespaces apart whose names and keys could be confused', async () => {
    const c = await Instance.open({ namespace: 'shop/user', tier: tier() });
    await a.store('user/get_user:1', 'ours');
    await c.store('get_user:1', 'theirs');
    await c.invalidate({ flush: true, patterns: [{ pattern: '*', scope: null }] });
    expect(await a.value('user/get_user:1')).toBe('ours');
    await c.close();
  });
});

// A promoted replica may lack what its primary had acknowledged. The replica is cut off from its primary first, so that
// the loss is certain, and the entry comes back from the dead.
describe('a Redis Cluster that fails over with a lost tail', () => {
  it('does not let an entry come back that was invalidated on the old primary', async () => {
    const cluster = await startRedisCluster({ masters: 3, replicas: 1, nodeTimeoutMs: 1000 });
    const tier = { cluster: { nodes: cluster.urls.map((url) => url.replace('redis://', '')) }, lease: '1s' };
    const a = await Instance.open({ namespace: 'shop', tier: { ...tier, readTimeout: 5 } });
    try {
      await a.until('A to be leased', () => a.leased);
      const keys = Array.from({ length: 90 }, (_, n) => `user:get_user:${n}`);
      await Promise.all(keys.map((key) => a.store(key, 'old')));
      for (const { server, follows } of cluster.nodes) if (follows !== undefined) server.pause();
      for (const url of cluster.urls.slice(0, 3)) {
        await withServer(url, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'replica'));
      }
      await a.invalidate({ keys });
      // A primary that does not hold the control record: its loss shows in the entries alone.
      const control = await withServer(cluster.urls[0]!, (client) => client.cluster('KEYSLOT', 'larder:{shop}:ctl'));
      const victim = cluster.nodes.findIndex(
        (_, index) => index < 3 && Math.floor(control / Math.ceil(16_384 / 3)) !== index,
      );
      await cluster.nodes[victim]!.server.kill();
      for (const { server, follows } of cluster.nodes) if (follows !== undefined) server.resume();
      const answered = new Set<string>();
      await a.until(
        'every key to be answered again',
        async () => {
          for (const key of keys) {
            const value = await a.value(key).catch(() => undefined);
            if (value !== undefined) answered.add(key);
            expect(value ?? null).toBeNull(); // never 'old'
          }
          return answered.size === keys.length;
        },
        30_000,
      );
      expect(a.announcements('attached')).toContainEqual(expect.objectContaining({ kind: 'bump' }));
      const read = await a.read('user:get_user:0');
      expect(read.hit).toBe(false);
    } finally {
      await a.close();
      await cluster.stop();
    }
  }, 90_000);
});
