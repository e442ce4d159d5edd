import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidationRequest, type DecisionEntry } from 'nestjs-larder/decision';
import { startRedis } from '../../../launcher/services.mjs';
import { buildLibrary } from '../../chaos/library.mjs';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';
import { DecisionProcess, type Seen } from './decision-process.js';

const MISS = { status: 'CacheMiss', source: null, decision: null };

describe('two processes over PostgreSQL and Redis', () => {
  let database: TestDatabase;
  let redis: Awaited<ReturnType<typeof startRedis>>;
  let one: DecisionProcess;
  let two: DecisionProcess;
  let keys = 0;

  beforeAll(async () => {
    await buildLibrary();
    database = await createDatabase();
    redis = await startRedis({ fromEnvironment: false });
    [one, two] = await Promise.all([
      DecisionProcess.start(database.url, redis.url),
      DecisionProcess.start(database.url, redis.url),
    ]);
  }, 180_000);
  afterAll(async () => {
    await Promise.all([one, two].map((each) => each?.quit()));
    await redis?.stop();
    await database?.drop();
  }, 60_000);

  /** An entry of a key that no other test has, with facets of its own. */
  const fresh = (decision = 'decided'): DecisionEntry => {
    keys += 1;
    return {
      veriKey: `key:${keys}`,
      decision,
      policyHash: `policy ${keys}`,
      signerSetHash: `signers ${keys}`,
      feedEpoch: 'e9',
      createdAt: new Date(),
      expiresAt: new Date(Date.now() + 3_600_000),
    };
  };
  /** What the other process shows once its lease is over; nothing would correct it later. */
  const shownBy = async (instance: DecisionProcess, { veriKey }: DecisionEntry, expected: Partial<Seen>) => {
    let seen = await instance.get(veriKey);
    for (let tenths = 0; tenths < 50 && seen.status !== expected.status; tenths += 1) {
      await sleep(100);
      seen = await instance.get(veriKey);
    }
    expect(seen).toMatchObject(expected);
  };
  const removals: [string, (entry: DecisionEntry, by: DecisionProcess) => Promise<unknown>][] = [
    ['key', ({ veriKey }, by) => by.invalidate(veriKey)],
    ['policy', ({ policyHash }, by) => by.invalidateBy(InvalidationRequest.byPolicyHash(policyHash))],
    ['signers', ({ signerSetHash }, by) => by.invalidateBy(InvalidationRequest.bySignerSetHash(signerSetHash))],
    ['epoch', (_entry, by) => by.invalidateBy(InvalidationRequest.byFeedEpochOlderThan('e10'))],
    ['prefix', ({ veriKey }, by) => by.invalidateBy(InvalidationRequest.byPattern(`${veriKey}*`))],
    ['regular expression', ({ veriKey }, by) => by.invalidateBy(InvalidationRequest.byPattern(`^${veriKey}$`))],
  ];

  it('share what either has decided, by one factory', async () => {
    const entry = fresh();
    await one.close('factory');
    const first = one.compute(entry);
    await one.at('factory');
    const second = two.compute({ ...entry, decision: 'a second factory' });
    expect((await two.get(entry.veriKey)).status).toBe('CacheMiss'); // a lookup waits for no factory
    await one.open('factory');
    expect(await Promise.all([first, second])).toEqual(['decided', 'decided']);
    await shownBy(two, entry, { status: 'CacheHit', decision: 'decided' });
  }, 60_000);

  it('show a replacement, whoever made it', async () => {
    const entry = fresh('first');
    expect(await one.set(entry)).toBe(true);
    expect(await two.get(entry.veriKey)).toMatchObject({ status: 'CacheHit', decision: 'first' });
    expect(await two.set({ ...entry, decision: 'second' })).toBe(true);
    for (let tenths = 0; tenths < 50 && (await one.get(entry.veriKey)).decision !== 'second'; tenths += 1)
      await sleep(100);
    expect(await one.get(entry.veriKey)).toMatchObject({ status: 'CacheHit', decision: 'second' });
  }, 60_000);

  it.each(removals)(
    'remove by %s what the other holds in every tier',
    async (_, remove) => {
      const entry = fresh();
      await one.set(entry);
      expect((await two.get(entry.veriKey)).status).toBe('CacheHit');
      expect((await two.get(entry.veriKey)).source).toBe('memory');
      expect(Number(await remove(entry, one))).toBeGreaterThanOrEqual(1);
      expect(await one.get(entry.veriKey)).toEqual(MISS);
      await shownBy(two, entry, MISS);
      const [{ rows }] = await countRows(entry);
      expect(Number(rows)).toBe(0);
    },
    60_000,
  );

  it.each(removals)(
    'do not let a slow factory undo a removal by %s on the other',
    async (_, remove) => {
      for (const anew of [false, true]) {
        const entry = fresh();
        await one.close('factory');
        const slow = one.compute(entry, anew);
        await one.at('factory');
        await remove(entry, two);
        await one.open('factory');
        expect(await slow).toBe('decided');
        await one.close('write'); // behind what waits to be written
        await one.open('write');
        for (const instance of [one, two, one]) expect(await instance.get(entry.veriKey)).toEqual(MISS);
        const [{ rows }] = await countRows(entry);
        expect([anew, Number(rows)]).toEqual([anew, 0]);
      }
    },
    60_000,
  );

  it.each(removals)(
    'do not let a write that waits undo a removal by %s on the other',
    async (_, remove) => {
      const entry = fresh();
      await one.close('write');
      expect(await one.compute(entry)).toBe('decided');
      await one.at('write');
      expect((await two.get(entry.veriKey)).decision).toBe('decided'); // by Redis, for it is not written yet
      await remove(entry, two);
      await one.open('write');
      const other = fresh();
      await one.set(other); // written behind it
      for (const instance of [one, two]) await shownBy(instance, entry, MISS);
      const [{ rows }] = await countRows(entry);
      expect(Number(rows)).toBe(0);
      // And the key is not barred.
      expect(await two.compute({ ...entry, decision: 'anew' })).toBe('anew');
      await shownBy(one, entry, { status: 'CacheHit', decision: 'anew' });
    },
    60_000,
  );

  it('write what they decided before they end', async () => {
    const entry = fresh();
    const third = await DecisionProcess.start(database.url, redis.url);
    await third.compute(entry);
    await third.quit();
    const [{ rows }] = await countRows(entry);
    expect(Number(rows)).toBe(1);
  }, 60_000);

  async function countRows({ veriKey }: DecisionEntry): Promise<{ rows: string }[]> {
    const dataSource = await database.connect();
    try {
      return await dataSource.query('SELECT count(*) AS rows FROM larder_decision WHERE veri_key = $1', [veriKey]);
    } finally {
      await dataSource.destroy();
    }
  }
});
