import { startRedis } from '../../../launcher/services.mjs';
import { callsOf, withServer } from './admin.js';
import { Instance } from './instance.js';

describe('entries in Redis', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let a: Instance;
  let b: Instance;
  let serial = 0;
  const fresh = (): string => `user:get_user:${(serial += 1)}`;

  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
    a = await Instance.open({ namespace: 'shop', tier: { url: server.url, readTimeout: 5 } });
    b = await Instance.open({ namespace: 'shop', tier: { url: server.url, readTimeout: 5 } });
  });

  afterAll(async () => {
    await a?.close();
    await b?.close();
    await server?.stop();
  });

  it('come back byte for byte, with their tags', async () => {
    const key = fresh();
    const payload = Uint8Array.from({ length: 256 * 40 }, (_, n) => n % 256);
    const tags = ['%scope:user', 'Größe:🙂', 'user:1'];
    await a.backend.fill(key, await a.miss(key), { payload, tags, freshMs: 1000, keepMs: 2000 });
    const read = await b.read(key);
    if (!read.hit) throw new Error('expected a hit');
    expect(Buffer.from(read.entry.payload).equals(Buffer.from(payload))).toBe(true);
    expect(read.entry.tags).toEqual(tags);
    expect(read.entry.freshMs).toBeGreaterThan(0);
    expect(read.entry.freshMs).toBeLessThanOrEqual(1000);
    expect(read.entry.keepMs - read.entry.freshMs).toBe(1000);
  });

  it('may be empty and without tags', async () => {
    const key = fresh();
    await a.store(key, '');
    expect(await b.value(key)).toBe('');
  });

  it('elect one loader in the cluster, and let one fill', async () => {
    const key = fresh();
    const reads = await Promise.all([a.read(key), a.read(key), b.read(key), b.read(key)]);
    const permits = reads.map((read) => (read.hit ? null : read));
    expect(permits.filter((read) => read?.owner === true)).toHaveLength(1);
    const filled = [];
    for (const read of permits) filled.push(await a.fill(key, read!.permit, 'value'));
    expect(filled).toEqual([true, false, false, false]); // I4: a permit is used up
    expect(await b.value(key)).toBe('value');
  });

  it('are refused under a permit that nobody gave', async () => {
    const key = fresh();
    const { position } = await a.miss(key);
    expect(await a.fill(key, { token: 'guessed', position }, 'poison')).toBe(false);
    expect(await a.fill(fresh(), { token: '', position }, 'poison')).toBe(false);
    expect(a.announcements('fenced').length).toBeGreaterThan(0);
  });

  it('let another load at once when a permit is given back', async () => {
    const key = fresh();
    const permit = await a.miss(key);
    expect(await b.read(key)).toMatchObject({ hit: false, owner: false });
    await a.backend.release(key, permit);
    expect(await b.read(key)).toMatchObject({ hit: false, owner: true });
  });

  it('past their fresh life are a miss that shows them, until their physical life ends', async () => {
    const key = fresh();
    await a.store(key, 'stale', { freshMs: 60, graceMs: 400 });
    await a.until('the entry to be stale', async () => !(await b.read(key)).hit, 2000);
    const read = await b.read(key);
    if (read.hit || read.stale === null) throw new Error('expected a stale entry');
    expect(Buffer.from(read.stale.payload).toString()).toBe('stale');
    expect(read.stale.freshMs).toBeLessThanOrEqual(0);
    expect(read.stale.keepMs).toBeGreaterThan(0);
    await a.until(
      'the entry to be gone',
      async () => {
        const last = await b.read(key);
        return !last.hit && last.stale === null;
      },
      2000,
    );
  });

  it('that were invalidated are never shown as stale', async () => {
    const key = fresh();
    await a.store(key, 'old', { freshMs: 1, graceMs: 60_000, tags: ['t'] });
    await b.invalidate({ tags: ['t'] });
    expect(await a.read(key)).toMatchObject({ hit: false, stale: null });
    const other = fresh();
    await a.store(other, 'old', { freshMs: 1, graceMs: 60_000 });
    await b.invalidate({ patterns: [{ pattern: `${other}*`, scope: null }] });
    expect(await a.read(other)).toMatchObject({ hit: false, stale: null });
  });

  it('can be replaced under a permit while they are fresh', async () => {
    const key = fresh();
    await a.store(key, 'first');
    const renewal = await a.read(key, true);
    if (renewal.hit) throw new Error('expected a permit');
    expect(await b.value(key)).toBe('first');
    expect(await a.fill(key, renewal.permit, 'second')).toBe(true);
    expect(await b.value(key)).toBe('second');
  });

  it('can be put outright, which revokes every fill under way and every copy in memory', async () => {
    const key = fresh();
    const permit = await a.miss(key);
    await b.backend.put(key, { payload: Buffer.from('put'), tags: ['t'], freshMs: 1000, keepMs: 1000 });
    expect(await a.fill(key, permit, 'loaded')).toBe(false);
    expect(await a.value(key)).toBe('put');
    await a.until('the log to tell A', () => a.applied.some(({ keys, reason }) => reason === 'set' && keys[0] === key));
    await a.invalidate({ tags: ['t'] });
    expect(await b.value(key)).toBeNull();
  });

  it('are told how many there were', async () => {
    const [one, two, three] = [fresh(), fresh(), fresh()];
    await a.store(one, 'x');
    await a.store(two, 'x');
    expect(await b.invalidate({ keys: [one, two, three] })).toMatchObject({ removed: 2 });
  });

  it('are read together while a batch is under way', async () => {
    const keys = Array.from({ length: 1000 }, fresh);
    await withServer(server.url, async (client) => {
      await client.config('RESETSTAT');
      const reads = await Promise.all(keys.map((key) => a.read(key)));
      expect(reads.every((read) => !read.hit && read.owner)).toBe(true);
      expect(await callsOf(client, 'evalsha')).toBeLessThan(50);
    });
  });

  it('are read in one round trip, hit or miss', async () => {
    const key = fresh();
    await a.store(key, 'x');
    await withServer(server.url, async (client) => {
      const before = await callsOf(client, 'hmget'); // one by each read, one by each heartbeat
      await client.config('RESETSTAT');
      for (let n = 0; n < 50; n += 1) await a.value(key);
      expect(before).toBeGreaterThan(0);
      expect(await callsOf(client, 'get')).toBe(50);
    });
  });

  it('of keys that look alike, or hold what Redis or a glob would misread, stay apart', async () => {
    const keys = [
      'a:b',
      'a',
      'a:{x}',
      'a:*',
      'a:[b]',
      'a:%7Bx%7D',
      'a:ü',
      'a:\ud800',
      'a:\ud801',
      'a:x\ny',
      'h:1',
      '%68:1',
    ];
    keys.push('long:' + 'x'.repeat(600), 'long:' + 'x'.repeat(601), 'a\\b', 'a/b', 'a?');
    for (const key of keys) await a.store(key, key);
    for (const key of keys) expect(await b.value(key)).toBe(Buffer.from(key).toString());
    await b.invalidate({ keys: ['a:*'] });
    expect(await a.value('a:*')).toBeNull();
    expect(await a.value('a:b')).toBe('a:b');
  });

  it('of another namespace or prefix are neither seen nor hit (G8)', async () => {
    const key = fresh();
    await a.store(key, 'ours', { tags: ['t'] });
    const others = await Promise.all([
      Instance.open({ namespace: 'shop2', tier: { url: server.url, readTimeout: 5 } }),
      Instance.open({ namespace: 'shop', tier: { url: server.url, readTimeout: 5, keyPrefix: 'other' } }),
      Instance.open({ namespace: 'shop}:e', tier: { url: server.url, readTimeout: 5 } }),
    ]);
    for (const other of others) {
      expect(await other.value(key)).toBeNull();
      await other.invalidate({ flush: true, keys: [key], tags: ['t'], patterns: [{ pattern: '*', scope: null }] });
    }
    expect(await a.value(key)).toBe('ours');
    for (const other of others) await other.close();
  });
});
