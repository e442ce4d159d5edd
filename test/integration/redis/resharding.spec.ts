import { SlotMove, ownersOf, slotOf, startRedisCluster } from '../../../launcher/services.mjs';
import { errorsOf, withServer } from './admin.js';
import { Instance } from './instance.js';

type RedisCluster = Awaited<ReturnType<typeof startRedisCluster>>;

// Slots move between primaries while instances work: the control record's slot, and those of values. Keys of a slot move
// one after the other, so that in between the primaries refuse scripts that need several of them (TRYAGAIN).
describe('a Redis Cluster whose slots move', () => {
  const CONTROL = 'larder:{shop}:ctl';
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  let cluster: RedisCluster;
  let a: Instance;
  let b: Instance;
  let serial = 0;
  const servers = () => cluster.nodes.map(({ server }) => server);
  const tier = () => ({
    cluster: { nodes: cluster.urls.map((url) => url.replace('redis://', '')) },
    lease: '1s',
    readTimeout: 5,
  });
  const entryOf = (key: string): string => `larder:{shop/${key}}:e`;
  const isEntry = (redisKey: string): boolean => redisKey.endsWith(':e');
  const isPermit = (redisKey: string): boolean => redisKey.endsWith(':p');
  const fresh = (): string => `user:get_user:${(serial += 1)}`;

  beforeAll(async () => {
    process.on('unhandledRejection', note);
    cluster = await startRedisCluster({ masters: 3, replicas: 0 });
    a = await Instance.open({ namespace: 'shop', tier: tier() });
    b = await Instance.open({ namespace: 'shop', tier: tier() });
  }, 60_000);

  beforeEach(() => a.until('both to be leased', () => a.leased && b.leased));

  afterAll(async () => {
    await a?.close();
    await b?.close();
    await cluster?.stop();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  async function moving(key: string): Promise<SlotMove> {
    return SlotMove.begin(servers(), await slotOf(servers(), key));
  }

  /** Redirections and refusals that the primaries have answered since they started. */
  async function answered(code: string): Promise<number> {
    const counts = await Promise.all(cluster.urls.map((url) => withServer(url, (client) => errorsOf(client, code))));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  it('reads an entry on its way to another primary, and after it has arrived', async () => {
    const key = fresh();
    await a.store(key, 'value');
    const asked = await answered('ASK');
    const move = await moving(entryOf(key));
    expect(await b.value(key)).toBe('value');
    await move.move(1, isEntry);
    expect(await b.value(key)).toBe('value');
    expect(await answered('ASK')).toBeGreaterThan(asked);
    const moved = await answered('MOVED');
    await move.finish();
    expect(await b.value(key)).toBe('value');
    expect(await a.value(key)).toBe('value');
    expect(await answered('MOVED')).toBeGreaterThan(moved);
    expect(a.resets).toEqual(['history']); // no primary was met that was not seen before
  });

  it.each([
    ['none has moved', []],
    ['only the entry has moved', [isEntry]],
    ['only the permit has moved', [isPermit]],
    ['both have moved', [isEntry, isPermit]],
  ])('invalidates a key whose slot is on its way: %s', async (_, which) => {
    const key = fresh();
    await a.store(key, 'old');
    const read = await a.read(key, true); // a load under way, which will want to fill
    if (read.hit) throw new Error('expected a permit');
    const move = await moving(entryOf(key));
    for (const one of which) expect(await move.move(1, one)).toBe(1);
    expect(await b.invalidate({ keys: [key] })).toMatchObject({ removed: 1 });
    expect(await a.fill(key, read.permit, 'old').catch(() => false)).toBe(false);
    expect(await a.value(key)).toBeNull();
    await move.finish();
    expect(await a.fill(key, read.permit, 'old')).toBe(false);
    expect(await b.value(key)).toBeNull();
    await b.invalidate({ keys: [key] });
    await a.store(key, 'new');
    expect(await b.value(key)).toBe('new');
  });

  it('lets nobody wait for a fill that cannot come while the slot is on its way', async () => {
    const key = fresh();
    const move = await moving(entryOf(key));
    const read = await a.read(key);
    expect(read).toMatchObject({ hit: false, owner: true, permit: { token: '' } });
    await move.finish();
    await a.store(key, 'value');
    expect(await b.value(key)).toBe('value');
  });

  it('is given up without a lost rejection when its new primary does not answer', async () => {
    const key = fresh();
    const c = await Instance.open({ namespace: 'shop', tier: { ...tier(), readTimeout: 0.2 } });
    const move = await moving(entryOf(key));
    const target = servers().find(({ port }) => port === move.to.port)!;
    target.pause();
    try {
      await expect(c.read(key)).rejects.toMatchObject({ code: 'LARDER_TIER_UNAVAILABLE' });
      await c.close();
    } finally {
      target.resume();
    }
    await move.finish();
  });

  it('stops serving from memory while the control record is half on its way, and comes back when it has arrived', async () => {
    const key = fresh();
    await a.store(key, 'old', { tags: ['t'] });
    const permit = await a.miss(fresh());
    const move = await moving(CONTROL);
    await move.move(1, (redisKey) => redisKey === CONTROL);
    await a.until('the leases to end', () => !a.leased && !b.leased);
    expect(a.log.health().lastErrorCode).toBe('TRYAGAIN');
    await expect(a.invalidate({ tags: ['t'] })).rejects.toMatchObject({ code: 'LARDER_LOG_UNAVAILABLE' });
    await move.finish();
    await a.until('both to be leased', () => a.leased && b.leased);
    // The record is on another primary: it might as well have lost something, so what it had judged valid is not.
    expect(await b.value(key)).toBeNull();
    expect(await a.fill('user:get_user:late', permit, 'old').catch(() => false)).toBe(false);
    await a.invalidate({ tags: ['t'] });
    await b.until('B to follow the log to its new primary', () => b.applied.some(({ tags }) => tags[0] === 't'));
    await a.store(key, 'new', { tags: ['t'] });
    expect(await b.value(key)).toBe('new');
  });

  it('answers never late, and never with what was invalidated, while slots move under load', async () => {
    const keys = Array.from({ length: 12 }, fresh);
    const versions = new Map(keys.map((key) => [key, 0]));
    const acknowledged = new Map(keys.map((key) => [key, 0]));
    const seen = { hits: 0, misses: 0, refused: 0, unread: 0 };
    let running = true;
    const reading = async (instance: Instance): Promise<void> => {
      while (running) {
        const key = keys[Math.floor(Math.random() * keys.length)]!;
        const least = acknowledged.get(key)!;
        const read = await instance.read(key).catch(() => null);
        if (read === null) {
          seen.unread += 1;
          await pause(1); // a link that is away refuses at once
        } else if (read.hit) {
          seen.hits += 1;
          expect(Number(Buffer.from(read.entry.payload).toString())).toBeGreaterThanOrEqual(least);
        } else {
          seen.misses += 1;
          const loaded = String(versions.get(key));
          await new Promise((resolve) => setImmediate(resolve));
          await instance.fill(key, read.permit, loaded, { tags: [key] }).catch(() => false);
        }
      }
    };
    const writing = async (instance: Instance, own: readonly string[]): Promise<void> => {
      for (let turn = 0; running; turn += 1) {
        const key = own[turn % own.length]!;
        const version = versions.get(key)! + 1;
        versions.set(key, version);
        const targets = turn % 2 === 0 ? { keys: [key] } : { tags: [key] };
        while (running && !(await instance.invalidate(targets).then(() => true, refused))) await pause(5);
        if (running) acknowledged.set(key, version);
        await pause(5);
      }
    };
    const refused = (error: { code?: string }): boolean => {
      expect(error.code).toMatch(/^LARDER_LOG_(UNAVAILABLE|UNCERTAIN)$/);
      seen.refused += 1;
      return false;
    };
    const work = [
      reading(a),
      reading(a),
      reading(b),
      reading(b),
      writing(a, keys.slice(0, 6)),
      writing(b, keys.slice(6)),
    ];
    const done = Promise.all(work);
    try {
      for (const key of [...keys.map(entryOf), CONTROL, ...keys.map(entryOf), CONTROL]) {
        const move = await moving(key);
        while ((await move.move(1)) > 0) await pause(5);
        await move.finish();
        await pause(20);
      }
      await a.until('both to be leased', () => a.leased && b.leased);
      const { hits } = seen;
      await a.until('entries to be served again', () => seen.hits > hits + 100);
    } finally {
      running = false;
      await done;
    }
    expect(seen.misses).toBeGreaterThan(0);
    expect(await answered('MOVED')).toBeGreaterThan(0);
    expect(await answered('ASK')).toBeGreaterThan(0);
    expect(await answered('TRYAGAIN')).toBeGreaterThan(0);
    expect(await answered('CROSSSLOT')).toBe(0);
    expect(new Set((await ownersOf(servers())).map(({ id }) => id)).size).toBe(3);
  }, 60_000);
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
