import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { TtlTier } from '../../../libs/cache/src/core/prefix/ttl-tier.js';
import { settled } from '../engine/gate.js';
import { PrefixRig, SCOPE, entryOf, hashOf } from './prefix-rig.js';

describe('TtlTier', () => {
  it('has three tiers with their texts and durations', () => {
    expect(TtlTier.all.map((tier) => [tier.asStr(), tier.durationMs])).toEqual([
      ['5m', 300_000],
      ['1h', 3_600_000],
      ['24h', 86_400_000],
    ]);
    expect(JSON.stringify({ tier: TtlTier.OneHour })).toBe('{"tier":"1h"}');
  });

  it.each(['', ' 5m', '5M', '5m ', '60m', '1H', '24', 'constructor'])('does not know %j', (text) => {
    expect(TtlTier.parse(text)).toBeNull();
  });

  it('parses exactly what it says', () => {
    for (const tier of TtlTier.all) expect(TtlTier.parse(tier.asStr())).toBe(tier);
  });
});

describe('PrefixIndex', () => {
  it('asks the store once for all candidates, each once, and not at all for none', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance({ accelerated: false });
    await index.write(entryOf('a', { cumulativeTokenCount: 5 }));
    expect(await index.lookup(SCOPE, [])).toEqual([]);
    expect(rig.store.lookups).toBe(0);
    const candidates = [...Array(80).keys()].map((n) => hashOf(`${n}`));
    const found = await index.lookup(SCOPE, [hashOf('a'), ...candidates, hashOf('a')]);
    expect(found.map(({ cumulativeTokenCount, ttlTier }) => [cumulativeTokenCount, ttlTier])).toEqual([
      [5, TtlTier.FiveMinutes],
    ]);
    expect(rig.store.lookups).toBe(1);
  });

  it.each([true, false])('tells hashes apart that begin alike, with an accelerator: %s', async (accelerated) => {
    const rig = new PrefixRig();
    const { index } = await rig.instance({ accelerated });
    const alike = [[0], [0, 0], [7, 7, 7, 7], [7, 7, 7, 7, 1], [7, 7, 7, 7, 2]].map((bytes) => Uint8Array.from(bytes));
    for (const [count, prefixHash] of alike.entries()) {
      await index.write({ ...entryOf(''), prefixHash, cumulativeTokenCount: count });
    }
    const found = await index.lookup(SCOPE, [...alike, ...alike]);
    expect(found).toHaveLength(5);
    expect(new Set(found.map((match) => match.cumulativeTokenCount))).toEqual(new Set([0, 1, 2, 3, 4]));
    expect((await index.longest(SCOPE, alike.toReversed())).match!.cumulativeTokenCount).toBe(4);
  });

  it('takes what a write has stored from the accelerator, on another instance too', async () => {
    const rig = new PrefixRig();
    const [one, other] = [await rig.instance(), await rig.instance()];
    await one.index.write(entryOf('a', { cumulativeTokenCount: 7, ttlTier: TtlTier.OneHour }));
    const [match] = await other.index.lookup(SCOPE, [hashOf('a')]);
    expect(match).toMatchObject({ cumulativeTokenCount: 7, ttlTier: TtlTier.OneHour });
    expect(match!.expiresAt.getTime()).toBe(rig.clock.wall() + 3_600_000);
    expect(rig.store.lookups).toBe(0);
  });

  it('asks the store for what the accelerator does not hold, and keeps the answer', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance({ accelerated: false });
    await index.write(entryOf('a'));
    const { index: other } = await rig.instance();
    for (const lookups of [1, 1, 1]) {
      expect(await other.lookup(SCOPE, [hashOf('a')])).toHaveLength(1);
      await settled();
      expect(rig.store.lookups).toBe(lookups);
    }
  });

  it('asks no further than the longest prefix that the accelerator knows', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance();
    await index.write(entryOf('long'));
    const { match } = await index.longest(SCOPE, [hashOf('long'), hashOf('shorter'), hashOf('short')]);
    expect(match!.prefixHash).toEqual(hashOf('long'));
    expect(rig.store.lookups).toBe(0);
    await index.longest(SCOPE, [hashOf('longer'), hashOf('long'), hashOf('short')]);
    expect(rig.store.lookups).toBe(1);
  });

  it('serves nothing that has expired, also from the accelerator', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance();
    await index.write(entryOf('a'));
    await rig.clock.advanceAsync(299_999);
    expect(await index.lookup(SCOPE, [hashOf('a')])).toHaveLength(1);
    await rig.clock.advanceAsync(1);
    expect(await index.lookup(SCOPE, [hashOf('a')])).toHaveLength(0);
  });

  it.each([
    ['the principal', { principalId: SCOPE.principalId.toUpperCase() }],
    ['the model', { virtualModel: SCOPE.virtualModel }],
    ['the tokenizer version', { tokenizerVersion: SCOPE.tokenizerVersion }],
    ['all', 'all' as const],
  ])('forgets everywhere what is invalidated by %s, and refuses what began before', async (_, part) => {
    const rig = new PrefixRig();
    const [one, other] = [await rig.instance(), await rig.instance()];
    await one.index.write(entryOf('a'));
    const { ticket } = await other.index.begin(SCOPE, [hashOf('a')]);
    const fromStore = (await other.index.begin(SCOPE, [hashOf('b')])).ticket;
    const result = await one.index.invalidate(part, { reason: 'test', actor: 'me' });
    expect(result.removed).toBe(1);
    expect(await other.index.lookup(SCOPE, [hashOf('a')])).toEqual([]);
    expect(await other.index.write(entryOf('a'), ticket)).toBe(false);
    expect(await other.index.write(entryOf('b'), fromStore)).toBe(false);
    expect(await one.index.lookup(SCOPE, [hashOf('a'), hashOf('b')])).toEqual([]);
    expect(await other.index.write(entryOf('a'))).toBe(true);
    expect(await one.index.lookup(SCOPE, [hashOf('a')])).toHaveLength(1);
  });

  it('does not bring back by a waiting refresh what was invalidated', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance();
    await index.write(entryOf('a'));
    await index.slide(SCOPE, hashOf('a'));
    await index.invalidate({ virtualModel: 'model' });
    await index.flush();
    expect(rig.store.refreshes).toHaveLength(1);
    expect(await index.lookup(SCOPE, [hashOf('a')])).toEqual([]);
  });

  it('goes with a flush of the namespace', async () => {
    const rig = new PrefixRig();
    const { index, rig: cache } = await rig.instance();
    await index.write(entryOf('a'));
    await cache.invalidations.invalidate([InvalidationIntent.flush()]);
    expect(await index.lookup(SCOPE, [hashOf('a')])).toEqual([]);
  });

  it('answers nothing of what was promised to a writer here to be invalidated', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance();
    await index.write(entryOf('a'));
    rig.withheld.add('%prefix:model:model');
    expect(await index.lookup(SCOPE, [hashOf('a')])).toEqual([]);
    rig.withheld.clear();
    expect(await index.lookup(SCOPE, [hashOf('a')])).toHaveLength(1);
  });

  it('gathers the refreshes of a window, and moves expiry to the last read', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance();
    await index.write(entryOf('a'));
    await rig.clock.advanceAsync(100_000);
    for (let read = 0; read < 100; read += 1) await index.slide(SCOPE, hashOf('a'), 200_000);
    expect(rig.store.refreshes).toHaveLength(0);
    await rig.clock.advanceAsync(1_000);
    expect(rig.store.refreshes).toHaveLength(1);
    const [match] = await index.lookup(SCOPE, [hashOf('a')]);
    expect(match!.expiresAt.getTime()).toBe(rig.clock.wall() - 1_000 + 300_000);
    expect(rig.store.lookups).toBe(0);
  });

  it('does not keep waiting what is about to expire', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance();
    await index.write(entryOf('a'));
    await rig.clock.advanceAsync(299_500);
    for (let read = 0; read < 100; read += 1) await index.slide(SCOPE, hashOf('a'), 500);
    await settled();
    expect(rig.store.refreshes).toHaveLength(1);
    await rig.clock.advanceAsync(1_000);
    expect(rig.store.refreshes).toHaveLength(2);
    expect(await index.lookup(SCOPE, [hashOf('a')])).toHaveLength(1);
  });

  it('keeps a bounded number of refreshes, sends them when it is drained, and none waits after that', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance({ maxPendingRefreshes: 3 });
    for (const text of ['a', 'b', 'c', 'd']) await index.write(entryOf(text));
    await rig.clock.advanceAsync(1_000);
    for (const text of ['a', 'b', 'c', 'd']) await index.slide(SCOPE, hashOf(text));
    expect(index.counters.refreshes).toMatchObject({ asked: 4, dropped: 1 });
    await index.drain();
    expect(rig.store.refreshes.map((batch) => batch.length)).toEqual([3]);
    await index.slide(SCOPE, hashOf('d'));
    await settled();
    expect(rig.store.refreshes).toHaveLength(2);
  });

  it('keeps refreshes that could not be sent for the next window', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance();
    await index.write(entryOf('a'));
    await rig.clock.advanceAsync(1_000);
    await index.slide(SCOPE, hashOf('a'));
    rig.store.broken = new Error('away');
    await rig.clock.advanceAsync(1_000);
    rig.store.broken = null;
    expect(index.counters.refreshes).toMatchObject({ failures: 1, flushes: 0 });
    await rig.clock.advanceAsync(1_000);
    expect(index.counters.refreshes).toMatchObject({ failures: 1, flushes: 1 });
    const [match] = await index.lookup(SCOPE, [hashOf('a')]);
    expect(match!.expiresAt.getTime()).toBe(rig.clock.wall() - 2_000 + 300_000);
    expect(rig.troubles).toEqual(['refresh: CacheError: cache index database error: away']);
  });

  it('refreshes at once where nothing stands before the store', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance({ accelerated: false });
    await index.write(entryOf('a'));
    const at = new Date(rig.clock.wall() + 900_000);
    await index.refresh(SCOPE, hashOf('a'), at);
    expect(rig.store.refreshes).toHaveLength(1);
    expect((await index.lookup(SCOPE, [hashOf('a')]))[0]!.expiresAt).toEqual(at);
    await index.refresh(SCOPE, hashOf('absent'), at);
    expect(await index.lookup(SCOPE, [hashOf('absent')])).toEqual([]);
  });

  it('does without an accelerator that is cut off or silent, and does not wait for it for long', async () => {
    const rig = new PrefixRig();
    const { index, tier } = await rig.instance();
    await index.write(entryOf('a'));
    tier.cutOff();
    expect(await index.lookup(SCOPE, [hashOf('a')])).toHaveLength(1);
    tier.reconnect();
    tier.records.read = () => new Promise(() => undefined);
    const startedAt = rig.clock.monotonic();
    const looking = index.lookup(SCOPE, [hashOf('a')]);
    await settled();
    await rig.clock.advanceAsync(50);
    expect(await looking).toHaveLength(1);
    expect(rig.clock.monotonic() - startedAt).toBe(50);
    for (let failure = 2; failure <= 5; failure += 1) {
      const again = index.lookup(SCOPE, [hashOf('a')]);
      await settled();
      await rig.clock.advanceAsync(50);
      await again;
    }
    expect(await index.lookup(SCOPE, [hashOf('a')])).toHaveLength(1); // it is passed over now
    expect(index.counters.accelerator!.failures).toBe(5);
  });

  it('does not take the older record for anything that a cut kept it from replacing, and replaces it afterwards', async () => {
    const rig = new PrefixRig();
    const [one, other] = [await rig.instance(), await rig.instance()];
    const count = async ({ index }: typeof one) => (await index.lookup(SCOPE, [hashOf('a')]))[0]!.cumulativeTokenCount;
    await one.index.write(entryOf('a', { cumulativeTokenCount: 1 }));
    one.tier.cutOff();
    await one.index.write(entryOf('a', { cumulativeTokenCount: 2 }));
    expect(await count(one)).toBe(2);
    expect(await count(other)).toBe(1); // it cannot know yet
    one.tier.reconnect();
    expect(await count(one)).toBe(2);
    await rig.clock.advanceAsync(500);
    expect(await count(other)).toBe(2);
  });

  it('takes a lying accelerator for an empty one', async () => {
    const rig = new PrefixRig();
    const { index, tier } = await rig.instance();
    await index.write(entryOf('a', { cumulativeTokenCount: 7 }));
    const read = tier.records.read.bind(tier.records);
    for (const lie of [new Uint8Array(0), new Uint8Array(24), new Uint8Array(24).fill(1), new Uint8Array(99)]) {
      tier.records.read = async (...args) => ({
        ...(await read(...args)),
        records: args[1].map(() => ({ bytes: lie, start: 0, end: lie.length, leftMs: 1_000 })),
      });
      if (lie.length === 24 && lie[0] === 1) lie[23] = 9;
      expect((await index.lookup(SCOPE, [hashOf('a')]))[0]!.cumulativeTokenCount).toBe(7);
    }
    expect(index.counters.accelerator!.rejected).toBe(4);
  });

  it('says what is wrong with the words of the seed, and stable codes', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance({ accelerated: false });
    rig.store.broken = new Error('no route');
    await expect(index.lookup(SCOPE, [hashOf('a')])).rejects.toMatchObject({
      name: 'CacheError',
      code: 'LARDER_PREFIX_DATABASE',
      message: 'cache index database error: no route',
    });
    rig.store.broken = null;
    const invalid = { code: 'LARDER_PREFIX_INVALID', message: expect.stringMatching(/^invalid cache data: expected /) };
    const bad: (() => Promise<unknown>)[] = [
      () => index.lookup(SCOPE, [new Uint8Array(0)]),
      () => index.lookup(SCOPE, [new Uint8Array(1025)]),
      () => index.lookup(SCOPE, ['a' as never]),
      () => index.lookup({ ...SCOPE, virtualModel: '' }, []),
      () => index.lookup({ ...SCOPE, virtualModel: 'a\0b' }, []),
      () => index.lookup({ ...SCOPE, tokenizerVersion: '\ud800' }, []),
      () => index.lookup(null as never, []),
      () => index.write(entryOf('a', { cumulativeTokenCount: -1 })),
      () => index.write(entryOf('a', { cumulativeTokenCount: 1.5 })),
      () => index.write(entryOf('a', { cumulativeTokenCount: 2 ** 32 })),
      () => index.write(entryOf('a', { ttlTier: '5m' as never })),
      () => index.write(entryOf('a', { expiresAt: new Date(Number.NaN) })),
      () => index.refresh(SCOPE, hashOf('a'), 5 as never),
      () => index.invalidate({} as never),
      () => index.invalidate({ virtualModel: 'a', tokenizerVersion: 'b' }),
    ];
    for (const call of bad) await expect(call()).rejects.toMatchObject(invalid);
    await expect(index.lookup({ ...SCOPE, principalId: 'me' }, [])).rejects.toMatchObject({
      code: 'LARDER_PREFIX_PRINCIPAL',
      message: 'cache principal lookup failed: expected a UUID, got "me" (string)',
    });
  });

  it('clamps counts above 32 bits with a sign, and finds the principal that owns the scope', async () => {
    const rig = new PrefixRig();
    const owners: Record<string, string> = { key: SCOPE.principalId };
    const principal = async (named: string) => {
      if (named === 'broken') throw new Error('directory away');
      return owners[named] ?? null;
    };
    const { index } = await rig.instance({ principal });
    const scope = { ...SCOPE, principalId: 'key' };
    await index.write(entryOf('a', { scope, cumulativeTokenCount: 2 ** 32 - 1 }));
    const { index: plain } = await rig.instance();
    expect((await plain.lookup(SCOPE, [hashOf('a')]))[0]!.cumulativeTokenCount).toBe(2 ** 31 - 1);
    await expect(index.lookup({ ...SCOPE, principalId: 'broken' }, [])).rejects.toThrow(
      'cache principal lookup failed: directory away',
    );
    await expect(index.lookup({ ...SCOPE, principalId: 'nobody' }, [])).rejects.toMatchObject({
      code: 'LARDER_PREFIX_PRINCIPAL',
    });
  });

  it('does not pass over a stored tier that it does not know, and reads a negative count as 0', async () => {
    const rig = new PrefixRig();
    const { index } = await rig.instance();
    const write = {
      scope: SCOPE,
      hash: hashOf('a'),
      expiresAt: new Date(rig.clock.wall() + 1_000),
      began: { agoMs: 0 },
    };
    await rig.store.write({ ...write, count: -5, tier: '5m' });
    expect((await index.lookup(SCOPE, [hashOf('a')]))[0]!.cumulativeTokenCount).toBe(0);
    await rig.store.write({ ...write, hash: hashOf('b'), count: 1, tier: '7d' });
    for (let look = 0; look < 2; look += 1) {
      await expect(index.lookup(SCOPE, [hashOf('b')])).rejects.toThrow('invalid cache data: unknown ttl_tier "7d"');
      await settled();
    }
  });

  it.each([
    [{ maxPendingRefreshes: 0 }, 'LARDER_OPTION_INVALID'],
    [{ principal: 'me' as never }, 'LARDER_OPTION_INVALID'],
    [{ softTimeout: 'soon' }, 'LARDER_DURATION_INVALID'],
    [{ refreshWindow: -1 }, 'LARDER_DURATION_INVALID'],
  ])('refuses the options %j', async (options, code) => {
    await expect(new PrefixRig().instance(options)).rejects.toMatchObject({ code });
  });
});
