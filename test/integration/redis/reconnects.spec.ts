import { rmSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRedis, startRedisCluster } from '../../../launcher/services.mjs';
import { ByteProxy } from '../../chaos/byte-proxy.mjs';
import { withServer } from './admin.js';
import { Instance } from './instance.js';

/** Refused, or not confirmed in time: on a busy machine it may be either. */
const REFUSED = { code: expect.stringMatching(/^LARDER_LOG_(UNAVAILABLE|UNCERTAIN)$/) };

type Server = Awaited<ReturnType<typeof startRedis>>;

// Rows of the fault table in which a server is there, and of no use for a while.
describe('an instance that must come back', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  let server: Server;
  let instances: Instance[] = [];

  beforeAll(() => void process.on('unhandledRejection', note));

  afterAll(() => {
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  beforeEach(async () => {
    server = await startRedis({ fromEnvironment: false });
  });

  afterEach(async () => {
    await Promise.all(instances.map((instance) => instance.close()));
    instances = [];
    await server.stop();
  });

  async function open(tier: ConstructorParameters<typeof Instance>[0]['tier']): Promise<Instance> {
    const instance = await Instance.open({ namespace: 'shop', tier: { lease: '500ms', readTimeout: 5, ...tier } });
    instances.push(instance);
    await instance.until('it to be leased', () => instance.leased);
    return instance;
  }

  // A load balancer whose server is away accepts, and closes at once. A client that waits for an answer before it counts
  // as connected must not wait for ever.
  it('does, twenty times of twenty, behind a balancer that accepts and closes', async () => {
    const proxy = await ByteProxy.open(server);
    const a = await open({ url: proxy.url, retryMax: '50ms' });
    try {
      for (let cycle = 0; cycle < 20; cycle += 1) {
        proxy.door = 'close';
        proxy.cut();
        await a.until('A to have left', () => !a.backend.available());
        await expect(a.invalidate({ tags: ['t'] })).rejects.toMatchObject(REFUSED);
        proxy.release();
        await a.until('A to be back', () => a.backend.available() && a.leased);
        await a.invalidate({ tags: ['t'] });
      }
      expect(a.resets).toEqual(['history']); // the server was the same all the time: nothing was lost
    } finally {
      await a.close();
      await proxy.close();
    }
  });

  it.each([
    {
      code: 'NOREPLICAS',
      harm: () => withServer(server.url, (client) => client.config('SET', 'min-replicas-to-write', 1)),
      cure: () => withServer(server.url, (client) => client.config('SET', 'min-replicas-to-write', 0)),
    },
    {
      code: 'MISCONF',
      harm: async () => {
        const dump = join(server.folder!, 'dump.rdb');
        mkdirSync(dump); // what a full disk does, for those who may write everywhere
        writeFileSync(join(dump, 'in the way'), '');
        await withServer(server.url, async (client) => {
          await client.config('SET', 'save', '3600 1');
          await client.bgsave();
          await new Promise((resolve) => setTimeout(resolve, 200));
        });
      },
      cure: async () => {
        rmSync(join(server.folder!, 'dump.rdb'), { recursive: true });
        await withServer(server.url, (client) => client.config('SET', 'save', ''));
        await withServer(server.url, (client) => client.bgsave());
      },
    },
  ])('does after a server that answers $code to writes, and renews no lease on it', async ({ code, harm, cure }) => {
    const a = await open({ url: server.url });
    await a.store('user:get_user:1', 'value', { tags: ['t'] });
    await harm();
    await a.until('the lease to end', () => !a.leased);
    await expect(a.invalidate({ tags: ['t'] })).rejects.toMatchObject(REFUSED);
    expect(a.announcements('trouble')).toContainEqual({ code });
    await cure();
    await a.until('A to be back', () => a.backend.available() && a.leased);
    expect(await a.value('user:get_user:1')).toBe('value');
    await a.invalidate({ tags: ['t'] });
    expect(await a.value('user:get_user:1')).toBeNull();
  });

  it('leaves in order in the midst of work: its heartbeat is gone, and nobody waits for it', async () => {
    const a = await open({ url: server.url });
    const b = await open({ url: server.url });
    let running = true;
    let refused = 0;
    const refuse = (error: { code?: string }): null => {
      expect(error.code).toMatch(/^LARDER_(CLOSED|TIER_UNAVAILABLE|LOG_UNAVAILABLE|LOG_UNCERTAIN)$/);
      refused += 1;
      return null;
    };
    const work = Array.from({ length: 20 }, async (_, nth) => {
      for (let turn = 0; running; turn += 1) {
        const key = `user:get_user:${nth}:${turn}`;
        const read = await a.read(key).catch(refuse);
        if (read !== null && !read.hit) await a.fill(key, read.permit, 'value', { tags: ['t'] }).catch(refuse);
        if (turn % 5 === 0) await a.invalidate({ keys: [key] }).catch(refuse);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });
    await a.until('work to be under way', async () => (await b.value('user:get_user:0:1')) === 'value');
    const started = a.clock.monotonic();
    await a.close();
    expect(a.clock.monotonic() - started).toBeLessThan(5000); // promised
    await a.until('work to be refused', () => refused > 0);
    running = false;
    await Promise.all(work);
    await withServer(server.url, async (client) => {
      expect(await client.exists(`larder:{shop}:hb:${a.id}`)).toBe(0);
      expect(await client.zscore('larder:{shop}:mem', a.id)).toBeNull();
    });
    await b.invalidate({ tags: ['t'] }, 'cluster');
  });
});

describe('an instance with a Cluster', () => {
  it('stays away while slots have no primary (CLUSTERDOWN), and comes back with it', async () => {
    const cluster = await startRedisCluster({ masters: 3, replicas: 0, nodeTimeoutMs: 500 });
    const nodes = cluster.urls.map((url) => url.replace('redis://', ''));
    const a = await Instance.open({ namespace: 'shop', tier: { cluster: { nodes }, lease: '500ms', readTimeout: 5 } });
    try {
      await a.until('A to be leased', () => a.leased);
      const control = await withServer(cluster.urls[0]!, (client) => client.cluster('KEYSLOT', 'larder:{shop}:ctl'));
      const owner = Math.floor(control / Math.ceil(16_384 / 3));
      const { server } = cluster.nodes[(owner + 1) % 3]!; // another than that of the control record
      await server.kill();
      await a.until('the lease to end', () => !a.leased);
      await expect(a.invalidate({ tags: ['t'] })).rejects.toMatchObject(REFUSED);
      expect(a.backend.available()).toBe(false);
      await server.restart();
      await a.until('A to be back', () => a.backend.available() && a.leased, 20_000);
      await a.invalidate({ tags: ['t'] });
      await a.until(
        'A to know the emptied shard',
        async () => (await a.value('user:get_user:1').catch(() => 'away')) === null,
      );
    } finally {
      await a.close();
      await cluster.stop();
    }
  }, 60_000);

  // Every session resolves the names anew: what was learnt of an address dies with the connections to it.
  it('follows a name to another address when it connects again', async () => {
    const [first, second] = await Promise.all([1, 2].map(() => startRedisCluster({ masters: 3, replicas: 0 })));
    let target = first!;
    let asked = 0;
    const dnsLookup = (host: string, done: (error: Error | null, address: string) => void): void => {
      expect(host).toBe('cache.example');
      asked += 1;
      done(null, '127.0.0.1');
    };
    // One port for both, as with a name whose address changes; the wire leads to whichever it is.
    const front = await ByteProxy.open(target.nodes[0]!.server);
    const cluster = { nodes: [`cache.example:${front.port}`], options: { dnsLookup } };
    const a = await Instance.open({ namespace: 'shop', tier: { cluster, lease: '500ms', readTimeout: 5 } });
    try {
      await a.until('A to be leased', () => a.leased);
      const before = a.log.health().lineage;
      const askedBefore = asked;
      target = second!;
      front.upstream = target.nodes[0]!.server;
      await first!.stop();
      await a.until('A to be with the other', () => a.leased && a.log.health().lineage !== before, 20_000);
      expect(asked).toBeGreaterThan(askedBefore);
    } finally {
      await a.close();
      await front.close();
      await Promise.all([first!.stop(), second!.stop()]);
    }
  }, 60_000);
});
