import { startRedis } from '../../../launcher/services.mjs';
import { callsOf, kindOf, withServer } from './admin.js';
import { Instance } from './instance.js';
import { ScriptedServer } from './scripted-server.js';
import { Wire } from './wire.js';

const LEASE_MS = 500;
const NAMESPACE = 'shop';
type RedisServer = Awaited<ReturnType<typeof startRedis>>;

// The fault table of the coherence page, row by row, with two instances on one server; B behind a wire that can fail.
describe('a Redis tier in trouble', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  let server: RedisServer;
  let wire: Wire;
  let a: Instance;
  let b: Instance;

  beforeAll(() => void process.on('unhandledRejection', note));
  afterAll(() => {
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  beforeEach(async () => {
    server = await startRedis({ fromEnvironment: false });
    wire = await Wire.to(server);
    a = await Instance.open({ namespace: NAMESPACE, tier: { url: server.url, lease: LEASE_MS / 1000 } });
    b = await Instance.open({ namespace: NAMESPACE, tier: { url: wire.url, lease: LEASE_MS / 1000 } });
    await a.until('both to be leased', () => a.leased && b.leased);
  });

  afterEach(async () => {
    await a.close();
    await b.close();
    await wire.close();
    await server.stop();
  });

  const keysByKind = (): Promise<Map<string, string[]>> =>
    withServer(server.url, async (client) => {
      const kinds = new Map<string, string[]>();
      for (const key of await client.keys('*')) kinds.set(kindOf(key), [...(kinds.get(kindOf(key)) ?? []), key]);
      return kinds;
    });

  it.each(['cut', 'die'] as const)(
    'does not serve from memory longer than a lease when the bus goes away: %s',
    async (harm) => {
      const lastSound = b.clock.monotonic();
      if (harm === 'cut') wire.cut();
      else wire.die();
      await a.invalidate({ tags: ['t'] });
      await b.until('the lease to end', () => !b.leased, LEASE_MS + 200);
      expect(b.clock.monotonic() - lastSound).toBeLessThan(LEASE_MS + 200);
      await b.until('the link to be given up', () => !b.backend.available());
      await expect(b.invalidate({ tags: ['t'] })).rejects.toMatchObject({ code: 'LARDER_LOG_UNAVAILABLE' });
      wire.heal();
      await b.until('B to be back', () => b.leased && b.backend.available());
      // Nothing was lost: the history is the same, and the message was still in the log.
      expect(b.applied.some(({ tags }) => tags[0] === 't')).toBe(true);
      expect(b.resets).toEqual(['history']);
    },
  );

  it('takes a trimmed log for a gap, and stays warm in Redis', async () => {
    await a.store('user:k:1', 'warm');
    wire.cut();
    for (let n = 0; n < 10; n += 1) await a.invalidate({ tags: [`t${n}`] });
    await withServer(server.url, (client) => client.xtrim('larder:{shop}:log', 'MAXLEN', 2));
    wire.heal();
    await b.until('B to have noticed', () => b.resets.length > 1);
    await b.until('B to be back', () => b.leased);
    expect(b.resets).toEqual(['history', 'gap']);
    expect(await b.value('user:k:1')).toBe('warm');
  });

  it('gives up on messages that never come, within a lease', async () => {
    wire.cut();
    for (let n = 0; n < 3; n += 1) await a.invalidate({ tags: [`t${n}`] });
    await withServer(server.url, (client) => client.del('larder:{shop}:log'));
    wire.heal();
    await b.until('B to have noticed', () => b.resets.length > 1, 4 * LEASE_MS);
    await b.until('B to be back', () => b.leased);
    expect(b.resets).toEqual(['history', 'lost-message']);
    await a.invalidate({ tags: ['after'] });
    await b.until('B to follow', () => b.applied.some(({ tags }) => tags[0] === 'after'));
  });

  it('loses nothing but hits, whichever of its keys are lost (I6)', async () => {
    const key = 'user:k:1';
    const kinds = new Map<string, number>();
    const wanted = ['ctl', 'hb', 'log', 'mem', 'p', 'pat', 'sum'];
    // A kind that happens to be absent when its turn comes gets another one.
    for (let round = 0; round < 24 || (round < 240 && wanted.some((kind) => !kinds.has(kind))); round += 1) {
      await a.until('both to be back', () => a.backend.available() && b.backend.available());
      const read = await a.read(key).catch(() => null);
      await b.invalidate({ patterns: [{ pattern: `nothing:${round}`, scope: null }] }).catch(() => null);
      const acknowledged = await b.invalidate({ tags: ['t'], keys: ['user:k:2'] }).then(
        () => true,
        () => false,
      );
      const present = await keysByKind();
      const lostOften = (kind: string): number => kinds.get(kind) ?? 0;
      const [kind, keys] = [...present].sort(([one], [other]) => lostOften(one) - lostOften(other))[0]!;
      kinds.set(kind, lostOften(kind) + 1);
      await withServer(server.url, (client) => client.del(...keys));
      if (read !== null && !read.hit) await a.fill(key, read.permit, 'old', { tags: ['t'] }).catch(() => false);
      // The fill began before the invalidation was acknowledged: nobody may ever read it.
      if (acknowledged && read !== null && !read.hit) expect(await b.value(key).catch(() => null)).toBeNull();
      await b.invalidate({ keys: [key] }).catch(() => null);
    }
    expect([...kinds.keys()].sort()).toEqual(expect.arrayContaining(wanted));
    await a.until('both to be leased', () => a.leased && b.leased);
  });

  it('begins another history when its control record is lost, and everybody drops its memory', async () => {
    await a.store('user:k:1', 'old');
    const before = a.log.health().lineage;
    await withServer(server.url, (client) => client.del('larder:{shop}:ctl'));
    await a.until('both to have noticed', () => a.resets.length === 2 && b.resets.length === 2);
    expect(a.resets).toEqual(['history', 'history']);
    expect(b.resets).toEqual(['history', 'history']);
    await a.until('both to be leased', () => a.leased && b.leased);
    expect(a.log.health().lineage).not.toBe(before);
    expect(a.log.health().lineage).toBe(b.log.health().lineage);
    expect(await b.value('user:k:1')).toBeNull();
  });

  it('comes back from a server that restarted empty, and is in step again', async () => {
    await a.store('user:k:1', 'old');
    await server.kill();
    await expect(a.invalidate({ keys: ['user:k:1'] })).rejects.toMatchObject({
      code: expect.stringMatching(/^LARDER_LOG_UNAVAILABLE|LARDER_LOG_UNCERTAIN$/),
    });
    await a.until('the leases to end', () => !a.leased && !b.leased, 2 * LEASE_MS);
    await server.restart();
    await a.until('both to be back', () => a.leased && b.leased);
    expect(await a.value('user:k:1')).toBeNull();
    await a.store('user:k:1', 'new');
    expect(await b.value('user:k:1')).toBe('new');
  });

  it('survives a server that forgets its scripts', async () => {
    await withServer(server.url, (client) => client.script('FLUSH'));
    await a.store('user:k:1', 'value');
    await withServer(server.url, (client) => client.script('FLUSH'));
    expect(await a.invalidate({ keys: ['user:k:1'] })).toMatchObject({ removed: 1 });
    expect(a.log.health().state).toBe('live');
    expect(a.resets).toEqual(['history']);
  });

  it('does not take a replica for a primary, nor renew leases on it', async () => {
    const other = await startRedis({ fromEnvironment: false });
    try {
      await withServer(server.url, (client) => client.replicaof('127.0.0.1', other.port));
      await a.until('A to have left', () => !a.backend.available());
      await a.until('the leases to end', () => !a.leased && !b.leased, 2 * LEASE_MS);
      expect(a.log.health().lastErrorCode).toMatch(/READONLY|NOTMASTER|MASTERDOWN/);
      await expect(a.invalidate({ tags: ['t'] })).rejects.toMatchObject({ code: 'LARDER_LOG_UNAVAILABLE' });
      await withServer(server.url, (client) => client.replicaof('NO', 'ONE'));
      await a.until('both to be back', () => a.leased && b.leased);
      expect(a.resets.length).toBeGreaterThan(1); // promoted: another history
    } finally {
      await other.stop();
    }
  });

  it('out of memory: reads go on, fills and invalidations are refused, nothing is said to be done', async () => {
    await a.store('user:k:1', 'value');
    const permit = await a.miss('user:k:2');
    await withServer(server.url, (client) => client.config('SET', 'maxmemory', 1));
    expect(await a.value('user:k:1')).toBe('value');
    await expect(a.fill('user:k:2', permit, 'x')).rejects.toMatchObject({ code: 'LARDER_TIER_UNAVAILABLE' });
    await expect(a.invalidate({ keys: ['user:k:1'] })).rejects.toMatchObject({ code: 'LARDER_LOG_UNAVAILABLE' });
    const read = await a.read('user:k:3');
    expect(read).toMatchObject({ hit: false, owner: true, permit: { token: '' } }); // nobody's fill is worth waiting for
    expect(await a.fill('user:k:3', read.hit ? permit : read.permit, 'x')).toBe(false);
    await withServer(server.url, (client) => client.config('SET', 'maxmemory', 0));
    expect(await a.invalidate({ keys: ['user:k:1'] })).toMatchObject({ removed: 1 });
    await a.until('A to be leased', () => a.leased);
    expect(await a.value('user:k:1')).toBeNull();
  });

  it('refuses messages that nobody with the secret has signed', async () => {
    const tier = { url: server.url, lease: LEASE_MS / 1000, secret: 'of the tests' };
    const c = await Instance.open({ namespace: 'signed', tier });
    const d = await Instance.open({ namespace: 'signed', tier });
    await c.invalidate({ tags: ['true'] });
    await d.until('D to have heard', () => d.applied.length > 0);
    await withServer(server.url, async (client) => {
      const [era, last] = await client.hmget('larder:{signed}:ctl', 'e', 'l');
      const id = (BigInt(`0x${last}`) + 1n).toString(16).padStart(20, '0');
      const entry = `${Number.parseInt(id.slice(0, 12), 16)}-${Number.parseInt(id.slice(12), 16)}`;
      const forged = JSON.stringify({ v: 1, ns: 'signed', ts: 1, batch: [] });
      await client.xadd('larder:{signed}:log', entry, 'm', forged, 'e', era!, 'v', last!, 'i', id, 'a', 'x:y');
      await client.hset('larder:{signed}:ctl', 'l', id);
    });
    await d.until('the forgery to be noticed', () => d.resets.includes('forged-message'));
    await c.invalidate({ tags: ['again'] });
    await d.until('D to follow', () => d.applied.some(({ tags }) => tags[0] === 'again'));
    await c.close();
    await d.close();
  });

  it('leaves no key in Redis without an end or a stated bound', async () => {
    await a.store('user:k:1', 'value', { tags: ['t'] });
    await a.miss('user:k:2');
    await a.invalidate({ tags: ['t'], patterns: [{ pattern: 'x*', scope: null }] });
    await a.backend.put('user:k:3', { payload: Buffer.from('x'), tags: [], freshMs: 1000, keepMs: 1000 });
    const unbounded: string[] = [];
    await withServer(server.url, async (client) => {
      for (const key of await client.keys('*')) if ((await client.pttl(key)) < 0) unbounded.push(kindOf(key));
      // The log by its length, the control record by `maxTags`, the patterns by `maxPatterns`.
      expect(unbounded.sort()).toEqual(['ctl', 'log', 'pat', 'sum']);
      expect(await client.hlen('larder:{shop}:ctl')).toBeLessThan(20);
    });
  });

  it('starts the control record anew before the tags in it have no bound', async () => {
    const c = await Instance.open({ namespace: 'tags', tier: { url: server.url, maxTags: 50 } });
    await c.store('user:k:1', 'old', { tags: ['tag 0'] });
    for (let n = 0; n < 200; n += 1) await c.invalidate({ tags: [`tag ${n}`] });
    await withServer(server.url, async (client) => {
      expect(await client.hlen('larder:{tags}:ctl')).toBeLessThanOrEqual(110);
    });
    expect(await c.value('user:k:1')).toBeNull();
    await c.store('user:k:1', 'new', { tags: ['tag 0'] });
    expect(await c.value('user:k:1')).toBe('new');
    await c.close();
  });

  it('leaves nothing of itself behind when it closes, and answers nothing any more', async () => {
    await a.close();
    await b.close();
    const kinds = await keysByKind();
    expect(kinds.has('hb')).toBe(false);
    await expect(a.invalidate({ tags: ['t'] })).rejects.toMatchObject({ code: 'LARDER_CLOSED' });
    await expect(a.read('user:k:1')).rejects.toMatchObject({ code: 'LARDER_TIER_UNAVAILABLE' });
    expect(a.log.health().state).toBe('closed');
    await withServer(server.url, async (client) => {
      expect(String(await client.client('LIST'))).not.toContain('name=larder:');
    });
  });

  it('batches what is invalidated at once into few messages', async () => {
    await withServer(server.url, async (client) => {
      await client.config('RESETSTAT');
      await Promise.all(Array.from({ length: 1000 }, (_, n) => a.invalidate({ keys: [`user:k:${n}`] })));
      expect(await callsOf(client, 'xadd')).toBeLessThan(20);
    });
    await b.until('B to have applied all', () => b.applied.length === 1000);
  });
});

describe('a Redis tier without Redis', () => {
  it('is opened at once, refuses loudly, and works as soon as the server is there', async () => {
    const server = await startRedis({ fromEnvironment: false });
    await server.kill();
    const a = new Instance({ namespace: NAMESPACE, tier: { url: server.url } });
    await a.open();
    expect(a.backend.available()).toBe(false);
    expect(a.leased).toBe(false);
    expect(a.log.health()).toMatchObject({ state: 'detached', lastErrorCode: 'ECONNREFUSED', lineage: null });
    await expect(a.invalidate({ keys: ['k'] })).rejects.toMatchObject({ code: 'LARDER_LOG_UNAVAILABLE' });
    await expect(a.read('k')).rejects.toMatchObject({ code: 'LARDER_TIER_UNAVAILABLE' });
    await server.restart();
    await a.until('A to be leased', () => a.leased && a.backend.available());
    expect(await a.invalidate({ keys: ['k'] })).toMatchObject({ removed: 0 });
    await a.close();
    await server.stop();
  });

  it('does not let the application start where it is required', async () => {
    const server = await startRedis({ fromEnvironment: false });
    await server.kill();
    const tier = { url: server.url, required: true, connectTimeout: '300ms' };
    const a = new Instance({ namespace: NAMESPACE, tier });
    await expect(a.open()).rejects.toMatchObject({ code: 'LARDER_TIER_REQUIRED' });
    await server.stop();
  });

  it.each(['LOADING', 'READONLY', 'MASTERDOWN', 'MISCONF', 'NOREPLICAS', 'CLUSTERDOWN', 'TRYAGAIN', 'BUSY', 'NOAUTH'])(
    'stays away from a server that answers %s, and does not hammer it',
    async (code) => {
      const scripted = await ScriptedServer.start();
      scripted.error = `${code} as scripted`;
      const a = await Instance.open({ namespace: NAMESPACE, tier: { url: scripted.url, retryMax: '200ms' } });
      expect(a.backend.available()).toBe(false);
      expect(a.leased).toBe(false);
      expect(a.log.health().lastErrorCode).toBe(code);
      await expect(a.invalidate({ tags: ['t'] })).rejects.toMatchObject({ code: 'LARDER_LOG_UNAVAILABLE' });
      const before = scripted.asked;
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(scripted.asked - before).toBeLessThan(20);
      await a.close();
      await scripted.stop();
    },
  );
});
