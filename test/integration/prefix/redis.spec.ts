import { Redis } from 'ioredis';
import { TtlTier } from 'nestjs-larder/prefix';
import type { DataSource } from 'typeorm';
import { startRedis } from '../../../launcher/services.mjs';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';
import { Gateway, entryOf, hashOf, newScope, until } from './gateway.js';

type Server = Awaited<ReturnType<typeof startRedis>>;

/** Long enough for a busy machine. */
const PATIENT = '5s';

describe('a prefix index in PostgreSQL with Redis in front', () => {
  let database: TestDatabase;
  let server: Server;
  let admin: Redis;
  let one: Gateway;
  let other: Gateway;

  beforeAll(async () => {
    database = await createDatabase();
    server = await startRedis({ fromEnvironment: false });
    admin = new Redis(server.url, { protocol: 2 });
    const open = async (): Promise<Gateway> =>
      Gateway.open({ dataSource: await database.connect(), redisUrl: server.url, softTimeout: PATIENT });
    one = await open();
    other = await open();
  }, 60_000);
  afterAll(async () => {
    await one.close();
    await other.close();
    admin.disconnect();
    await server.stop();
    await database.drop();
  });
  beforeEach(() => {
    one.statements.length = 0;
    other.statements.length = 0;
  });

  const records = () => admin.keys('larder:{gateway}:x:*');
  /** The keys of records end with their hashes. */
  const recordsOf = async (...texts: string[]): Promise<string[]> => {
    const ends = texts.map((text) => `:${Buffer.from(hashOf(text)).toString('base64url')}`);
    return (await records()).filter((key) => ends.some((end) => key.endsWith(end)));
  };

  it('gives every instance what one has written, byte by byte, without the database', async () => {
    const scope = newScope();
    const hashes = [Uint8Array.of(0), Uint8Array.of(0xff, 0xfe, 0), Uint8Array.of(0xc3, 0x28), hashOf('a')];
    for (const [n, prefixHash] of hashes.entries()) {
      await one.index.write({
        ...entryOf(scope, ''),
        prefixHash,
        cumulativeTokenCount: n,
        ttlTier: TtlTier.all[n % 3]!,
      });
    }
    const found = await other.index.lookup(scope, hashes);
    expect(
      found.map(({ prefixHash, cumulativeTokenCount }) => [
        Buffer.from(prefixHash).toString('hex'),
        cumulativeTokenCount,
      ]),
    ).toEqual(hashes.map((hash, n) => [Buffer.from(hash).toString('hex'), n]));
    expect(other.statements).toEqual([]);
  });

  it('reads 80 candidates with three plain commands, sent together', async () => {
    const scope = newScope();
    await one.index.write(entryOf(scope, '0'));
    const monitor = await admin.monitor();
    const seen: string[][] = [];
    monitor.on('monitor', (_time: string, args: string[]) => seen.push(args));
    await other.index.longest(
      scope,
      [...Array(80).keys()].map((n) => hashOf(`${n}`)),
    );
    await admin.ping('end');
    await until('the monitor to show it', () => seen.some(([, text]) => text === 'end'));
    monitor.disconnect();
    const mine = seen.filter(
      (args) => args.some((arg) => arg.includes(':x:') || arg.includes('%prefix:')) || args[0] === 'time',
    );
    expect(mine.map(([name]) => name)).toEqual(['mget', 'hmget', 'time']);
    expect(mine[0]).toHaveLength(81);
    expect(other.statements).toEqual([]);
  });

  it('takes wrong bytes for a miss: cut, changed, moved, foreign, of another type', async () => {
    const scope = newScope();
    await one.index.write(entryOf(scope, 'lie a', { cumulativeTokenCount: 7 }));
    await one.index.write(entryOf(scope, 'lie b', { cumulativeTokenCount: 8 }));
    const mine = await recordsOf('lie a', 'lie b');
    const saved = new Map(await Promise.all(mine.map(async (key) => [key, (await admin.getBuffer(key))!] as const)));
    const lies: ((raw: Buffer, all: Buffer[]) => Buffer)[] = [
      (raw) => raw.subarray(0, raw.length - 1),
      (raw) => Buffer.concat([raw, Buffer.from([0])]),
      ...[0, 44, 47, 53, 58, 61, 70].map((at) => (raw: Buffer) => {
        const changed = Buffer.from(raw);
        changed[at]! ^= 1;
        return changed;
      }),
      (raw, all) => all.find((another) => !another.equals(raw))!,
      () => Buffer.from('nonsense'),
      () => Buffer.alloc(0),
    ];
    let { rejected } = other.index.counters.accelerator!;
    for (const lie of lies) {
      for (const [key, raw] of saved) await admin.set(key, lie(raw, [...saved.values()]), 'PX', 60_000);
      const found = await other.index.lookup(scope, [hashOf('lie a'), hashOf('lie b')]);
      expect(new Set(found.map(({ cumulativeTokenCount }) => cumulativeTokenCount))).toEqual(new Set([7, 8]));
      expect(found).toHaveLength(2);
      expect(other.index.counters.accelerator!.rejected).toBe(rejected + 2);
      // What stood there is replaced by what the database said, so the next lookup is answered from Redis again.
      await until('the records to be whole again', async () => {
        const before = other.lookups();
        await other.index.lookup(scope, [hashOf('lie a'), hashOf('lie b')]);
        rejected = other.index.counters.accelerator!.rejected;
        return other.lookups() === before;
      });
    }
    for (const key of saved.keys()) await admin.multi().del(key).lpush(key, 'a list').exec();
    expect(await other.index.lookup(scope, [hashOf('lie a'), hashOf('lie b')])).toHaveLength(2);
    for (const key of saved.keys()) await admin.del(key);
  });

  it('serves from Redis nothing that has no time left there, even where Redis has forgotten to end it', async () => {
    const scope = newScope();
    const soon = new Date(Date.now() + 1_500);
    await one.index.write(entryOf(scope, 'a', { expiresAt: soon }));
    for (const key of await records()) await admin.persist(key);
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    expect(await other.index.lookup(scope, [hashOf('a')])).toEqual([]);
  });

  it('has an invalidation on every instance when it is acknowledged, and refuses what began before', async () => {
    const scope = newScope();
    await one.index.write(entryOf(scope, 'a'));
    await one.index.write(entryOf(scope, 'b'));
    const { ticket } = await other.index.begin(scope, [hashOf('a')]);
    await other.index.slide(scope, hashOf('a'));
    const { removed } = await one.index.invalidate({ principalId: scope.principalId });
    expect(removed).toBe(2);
    expect(await other.index.lookup(scope, [hashOf('a'), hashOf('b')])).toEqual([]);
    expect(await other.index.write(entryOf(scope, 'a'), ticket)).toBe(false);
    await other.index.flush();
    expect(await other.index.lookup(scope, [hashOf('a')])).toEqual([]);
    expect(
      await one.dataSource.query('SELECT id FROM prompt_cache_entries WHERE principal_id = $1', [scope.principalId]),
    ).toEqual([]);
  });

  it('makes of 100 reads in a window two UPDATEs at most, and leaves the last expiry in the database', async () => {
    const scope = newScope();
    const dataSource = await database.connect();
    const reader = await Gateway.open({ dataSource, redisUrl: server.url, softTimeout: PATIENT });
    await reader.index.write(entryOf(scope, 'a'));
    const expiry = async () => {
      const [row] = await one.dataSource.query('SELECT expires_at FROM prompt_cache_entries WHERE principal_id = $1', [
        scope.principalId,
      ]);
      return row.expires_at.getTime() as number;
    };
    const written = await expiry();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const startedAt = performance.now();
    const prompt = { candidates: [{ prefixHash: hashOf('a'), block: 0 }], breakpoints: [] };
    for (let read = 0; read < 100; read += 1) expect((await reader.cache.find(scope, prompt)).cachedTokens).toBe(10);
    const lastRead = performance.now();
    const windows = Math.ceil((lastRead - startedAt) / 1_000) + 1;
    await reader.close();
    expect(reader.updates()).toBeLessThanOrEqual(2 * windows);
    expect(reader.updates()).toBeGreaterThan(0);
    expect(reader.lookups()).toBe(0);
    expect(await expiry()).toBeGreaterThan(written + 250);
  });

  it('loses nothing when Redis is flushed', async () => {
    const scope = newScope();
    await one.index.write(entryOf(scope, 'a'));
    await admin.flushall();
    for (const gateway of [one, other]) expect(await gateway.index.lookup(scope, [hashOf('a')])).toHaveLength(1);
    await one.index.write(entryOf(scope, 'b'));
    for (const gateway of [one, other]) expect(await gateway.index.lookup(scope, [hashOf('b')])).toHaveLength(1);
    await until('Redis to be used again', async () => {
      const before = other.lookups();
      await other.index.lookup(scope, [hashOf('a')]);
      return other.lookups() === before;
    });
  });
});

describe('a prefix index whose servers come and go', () => {
  let database: TestDatabase;
  let server: Server;
  let gateway: Gateway;
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await createDatabase();
    server = await startRedis({ fromEnvironment: false });
    dataSource = await database.connect();
    gateway = await Gateway.open({ dataSource, redisUrl: server.url });
  }, 60_000);
  afterAll(async () => {
    await gateway.close();
    await server.stop();
    await database.drop();
  });

  it('answers from the database while Redis hangs, and waits for it no longer than it may', async () => {
    const scope = newScope();
    await gateway.index.write(entryOf(scope, 'a'));
    process.kill(server.pid!, 'SIGSTOP');
    try {
      for (let look = 0; look < 8; look += 1) {
        expect(await gateway.index.lookup(scope, [hashOf('a')])).toHaveLength(1);
      }
      expect(await gateway.index.write(entryOf(scope, 'b', { cumulativeTokenCount: 3 }))).toBe(true);
    } finally {
      process.kill(server.pid!, 'SIGCONT');
    }
    expect(gateway.lookups()).toBeGreaterThan(0);
    await until('Redis to be used again', async () => {
      const before = gateway.lookups();
      const found = await gateway.index.lookup(scope, [hashOf('a'), hashOf('b')]);
      expect(found).toHaveLength(2);
      return gateway.lookups() === before;
    });
  });

  it('serves no wrong hit when the database is away: an error from the index, no cache from the service', async () => {
    const scope = newScope();
    const working = dataSource.query.bind(dataSource);
    await gateway.index.write(entryOf(scope, 'a'));
    dataSource.query = () => Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    try {
      await expect(gateway.index.lookup(scope, [hashOf('x')])).rejects.toMatchObject({
        code: 'LARDER_PREFIX_DATABASE',
        message: 'cache index database error: connect ECONNREFUSED',
      });
      const prompt = { candidates: [{ prefixHash: hashOf('x'), block: 0 }], breakpoints: [] };
      expect(await gateway.cache.find(scope, prompt)).toMatchObject({ match: null, ticket: null });
      await expect(gateway.index.invalidate({ principalId: scope.principalId })).rejects.toThrow('ECONNREFUSED');
    } finally {
      dataSource.query = working;
    }
    await gateway.index.invalidate({ principalId: scope.principalId });
    expect(await gateway.index.lookup(scope, [hashOf('a')])).toEqual([]);
  });
});
