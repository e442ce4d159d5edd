import { startRedis } from '../../../launcher/services.mjs';
import { withServer } from './admin.js';
import { Instance } from './instance.js';

type Server = Awaited<ReturnType<typeof startRedis>>;

/** After so many hits, entries are read with a plain `MGET`. */
const ENOUGH = 80;

describe('hits that are judged in the instance', () => {
  let server: Server;
  let a: Instance;
  let b: Instance;

  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await withServer(server.url, (client) => client.flushall());
    const options = { namespace: 'shop', tier: { url: server.url } };
    [a, b] = [await Instance.open(options), await Instance.open(options)];
    await b.until('both to be leased', () => a.leased && b.leased);
    await a.store('user:k:warm', 'warm', { tags: ['warm'] });
    for (let n = 0; n < ENOUGH; n += 1) expect(await b.value('user:k:warm')).toBe('warm');
  });
  afterEach(async () => {
    await Promise.all([a.close(), b.close()]);
  });

  /** Scripts and plain reads that the server has run so far. */
  const calls = async (): Promise<{ scripts: number; plain: number }> =>
    withServer(server.url, async (client) => {
      const stats = await client.info('commandstats');
      const of = (name: string): number => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
      return { scripts: of('evalsha'), plain: of('mget') };
    });

  it('need no script', async () => {
    const before = await calls();
    for (let n = 0; n < 50; n += 1) expect(await b.value('user:k:warm')).toBe('warm');
    const after = await calls();
    expect(after.plain - before.plain).toBe(50);
    expect(after.scripts - before.scripts).toBeLessThan(50); // the heartbeats
  });

  it('are as exact: an invalidation is seen at once, also before the log has brought it', async () => {
    for (let n = 0; n < 200; n += 1) {
      const kind = n % 3;
      const key = `user:k:${n}`;
      await a.store(key, 'old', { tags: ['t', `own:${n}`] });
      await a.invalidate({ tags: ['other'] }); // so that the stamp alone does not tell
      expect(await b.value(key)).toBe('old');
      if (kind === 0) await a.invalidate({ keys: [key] });
      else if (kind === 1) await a.invalidate({ tags: [`own:${n}`] });
      else await a.invalidate({ patterns: [{ pattern: key, scope: null }] });
      expect(await b.value(key)).toBeNull();
      for (let again = 0; again < 12; again += 1) expect(await b.value('user:k:warm')).toBe('warm');
    }
    expect((await calls()).plain).toBeGreaterThan(1000);
  });

  it('end with a flush, with a lost summary, and with another history, and come back', async () => {
    await a.invalidate({ flush: true });
    expect(await b.value('user:k:warm')).toBeNull();
    await a.store('user:k:2', 'new');
    await withServer(server.url, (client) => client.del('larder:{shop}:sum'));
    expect(await b.value('user:k:2')).toBe('new');
    await b.until('the summary to be written again', () =>
      withServer(server.url, async (client) => (await client.exists('larder:{shop}:sum')) === 1),
    );
    await withServer(server.url, (client) => client.del('larder:{shop}:ctl'));
    await b.until('both to have begun another history', () => a.resets.length === 2 && b.resets.length === 2);
    await b.until('both to be leased', () => a.leased && b.leased);
    expect(await b.value('user:k:2')).toBeNull();
    await a.store('user:k:3', 'newest');
    const before = await calls();
    for (let n = 0; n < 2 * ENOUGH; n += 1) expect(await b.value('user:k:3')).toBe('newest');
    expect((await calls()).plain).toBeGreaterThan(before.plain);
  });
});
