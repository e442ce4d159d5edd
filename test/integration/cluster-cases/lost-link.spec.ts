import { createServer } from 'node:net';
import { startRedis } from '../../../launcher/services.mjs';
import { now } from '../../chaos/truth.mjs';
import type { AppProcess } from './app-process.js';
import { TestCluster } from './cluster.js';

const LEASE_MS = 2000;

describe('a process whose line to Redis is cut for 3 s', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.open();
  }, 60_000);

  afterAll(async () => expect(await cluster.close()).toEqual([]), 30_000);

  it.each(['cut', 'black hole'] as const)('serves nothing older than L, and no error: %s', async (way) => {
    const id = way;
    const proxy = await cluster.proxy();
    const [a] = (await cluster.startMany(1, { tier: { url: proxy.url } })) as [AppProcess];
    const [b] = (await cluster.startMany(1)) as [AppProcess];
    cluster.source.write(`product ${id}`, 'old');
    for (const app of [a, b]) expect(await app.call('product', id)).toBe('old');

    if (way === 'cut') {
      proxy.door = 'refuse';
      proxy.cut();
    } else {
      proxy.set({ hold: ['up', 'down'] });
    }
    const watching = a.watch('product', id, 3500);
    cluster.source.write(`product ${id}`, 'new');
    await b.invalidate([['entity', 'product', id]]);
    const acknowledgedAt = now();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    proxy.release();

    const seen = await watching;
    const late = seen.filter(({ startedAt, value }) => value === 'old' && startedAt > acknowledgedAt + LEASE_MS);
    expect(late).toEqual([]);
    expect(seen.filter(({ value }) => value !== 'old' && value !== 'new')).toEqual([]);
    expect(seen.some(({ value }) => value === 'old')).toBe(true); // served from memory while the lease allowed it
    expect(seen.at(-1)!.value).toBe('new');
    await a.live();
    expect(await a.call('product', id)).toBe('new');
  });

  it('waits for it with a strict invalidation, until its lease has ended', async () => {
    const id = 'strict';
    const proxy = await cluster.proxy();
    const [a] = (await cluster.startMany(1, { tier: { url: proxy.url } })) as [AppProcess];
    const [b] = (await cluster.startMany(1)) as [AppProcess];
    cluster.source.write(`product ${id}`, 'old');
    for (const app of [a, b]) expect(await app.call('product', id)).toBe('old');
    proxy.set({ hold: ['up', 'down'] });
    const watching = a.watch('product', id, 3000);
    cluster.source.write(`product ${id}`, 'new');
    await b.invalidate([['entity', 'product', id]], { wait: 'cluster' });
    const acknowledgedAt = now();
    const late = (await watching).filter(({ startedAt, value }) => value === 'old' && startedAt > acknowledgedAt);
    expect(late).toEqual([]);
  });
});

describe('an invalidation while Redis is down', () => {
  let cluster: TestCluster;
  let a: AppProcess;
  let b: AppProcess;

  beforeAll(async () => {
    cluster = await TestCluster.open();
    [a, b] = (await cluster.startMany(2)) as [AppProcess, AppProcess];
  }, 60_000);

  afterAll(async () => expect(await cluster.close()).toEqual([]), 30_000);

  it.each([
    ['delete', () => a.act('shop', 'delete', 'product:x')],
    ['revoke', () => a.act('shop', 'revoke', 'product:*')],
    ['clear', () => a.act('shop', 'clear')],
    ['delete by hand', () => a.ask('delete', 'x')],
    ['set', () => a.ask('set', 'x', 1)],
    ['flush', () => a.invalidate([['flush']])],
    ['strict', () => a.invalidate([['tag', 'x']], { wait: 'cluster' })],
  ])('does not answer success: %s', async (_, invalidate) => {
    await cluster.redis.kill();
    await expect(invalidate()).rejects.toMatchObject({
      code: expect.stringMatching(/^LARDER_LOG_(UNAVAILABLE|UNCERTAIN)$/),
    });
    await cluster.redis.restart();
    await Promise.all([a.live(), b.live()]);
  });

  it('made by a decorated write does not fail the write, is repeated, and shows in the health', async () => {
    cluster.source.write('product w', 'old');
    for (const app of [a, b]) expect(await app.call('product', 'w')).toBe('old');
    await cluster.redis.kill();
    expect(await a.call('rename', 'w', 'new')).toEqual({ id: 'w' });
    const health = await a.health();
    expect(health.status).toBe('degraded');
    expect(health.pendingInvalidations).toBe(1);
    expect(await a.call('product', 'w')).toBe('new'); // this process knows already (G5)
    await cluster.redis.restart();
    await a.until('it is made good', async () => (await a.health()).pendingInvalidations === 0);
    await b.live();
    expect(await b.call('product', 'w')).toBe('new');
    expect((await a.health()).status).toBe('up');
  });

  it('leaves nothing behind: after a restart without data everybody is fresh', async () => {
    for (let round = 0; round < 3; round += 1) {
      cluster.source.write('product r', `old ${round}`);
      await b.invalidate([['flush']], { wait: 'cluster' });
      for (const app of [a, b]) expect(await app.call('product', 'r')).toBe(`old ${round}`);
      cluster.source.write('product r', `new ${round}`);
      await cluster.redis.kill();
      await cluster.redis.restart();
      await Promise.all([a.live(), b.live()]);
      for (const app of [a, b]) expect(await app.call('product', 'r')).toBe(`new ${round}`);
    }
  });
});

describe('an application that starts without Redis', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.open();
  }, 60_000);

  afterAll(async () => expect(await cluster.close()).toEqual([]), 30_000);

  it('starts within 3 s, answers everything, says that it is degraded, and recovers', async () => {
    const port = await freePort();
    const app = await cluster.start({ tier: { url: `redis://127.0.0.1:${port}` } });
    expect(app.bootMs).toBeLessThan(3000);
    cluster.source.write('product early', 'there');
    const answers = await Promise.all(Array.from({ length: 100 }, () => app.call('product', 'early')));
    expect(answers).toEqual(Array.from({ length: 100 }, () => 'there'));
    expect((await app.health()).status).toBe('degraded');
    await expect(app.invalidate([['tag', 'x']])).rejects.toMatchObject({ code: 'LARDER_LOG_UNAVAILABLE' });

    const late = await startRedis({ fromEnvironment: false, port });
    try {
      await app.live();
      expect((await app.health()).status).toBe('up');
      const [other] = (await cluster.startMany(1, { tier: { url: late.url } })) as [AppProcess];
      expect(await app.call('product', 'early')).toBe('there');
      expect(await other.call('product', 'early')).toBe('there');
      expect(await other.loads('product early')).toBe(0); // filled by the one, read by the other
    } finally {
      await late.stop();
    }
  });

  it('starts just so where a black hole takes its connections', async () => {
    const proxy = await cluster.proxy();
    proxy.set({ hold: ['up', 'down'] });
    const app = await cluster.start({ tier: { url: proxy.url } });
    expect(app.bootMs).toBeLessThan(3000);
    cluster.source.write('product hole', 'there');
    expect(await app.call('product', 'hole')).toBe('there');
    proxy.release();
    await app.live();
  });

  it('does not start where Redis is required, and says why', async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    await expect(cluster.start({ tier: { url, required: true } })).rejects.toMatchObject({
      code: 'LARDER_TIER_REQUIRED',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
