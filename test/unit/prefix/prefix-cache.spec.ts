import { fingerprint } from '../../../libs/cache/src/core/prefix/fingerprint.js';
import { promptOf } from '../../../libs/cache/src/core/prefix/prompt.js';
import { TtlTier } from '../../../libs/cache/src/core/prefix/ttl-tier.js';
import { PrefixRig, SCOPE } from './prefix-rig.js';

const block = (text: string) => ({ type: 'text', text });
const marked = (text: string, ttl?: string) => ({
  ...block(text),
  cache_control: { type: 'ephemeral', ...(ttl === undefined ? {} : { ttl }) },
});
const tens = () => 10;

describe('PrefixCache', () => {
  it('finds the longest prefix of a growing conversation, and counts no token twice', async () => {
    const rig = new PrefixRig();
    const { cache } = await rig.instance();
    const counted: number[] = [];
    const count = (index: number) => {
      counted.push(index);
      return index + 1;
    };
    const turns = ['Hello', 'Hi', 'How are you?', 'Well', 'Bye'];
    const cached: number[] = [];
    for (let turn = 1; turn <= turns.length; turn += 2) {
      const messages = turns
        .slice(0, turn)
        .map((content, at) => ({ role: at % 2 === 0 ? 'user' : 'assistant', content }));
      const answer = await cache.around(SCOPE, { messages }, count, async ({ cachedTokens }) => {
        cached.push(cachedTokens);
        return 'answer';
      });
      expect(answer).toBe('answer');
      await cache.settled();
    }
    expect(cached).toEqual([0, 1, 6]);
    expect(counted).toEqual([0, 1, 2, 3, 4]);
    expect(cache.counters).toMatchObject({ hits: 2, misses: 1, cachedTokens: 7, writes: 3, slides: 2 });
  });

  it('records breakpoints with the tiers of their markers', async () => {
    const rig = new PrefixRig();
    const { cache, index } = await rig.instance();
    const prompt = promptOf({ system: [marked('a', '1h'), block('b'), marked('c')], messages: [] });
    const finding = await cache.find(SCOPE, prompt);
    expect(finding).toMatchObject({ match: null, block: -1, cachedTokens: 0 });
    expect(await cache.record(finding, tens, { tier: TtlTier.TwentyFourHours })).toBe(2);
    const found = await index.lookup(
      SCOPE,
      prompt.candidates.map(({ prefixHash }) => prefixHash),
    );
    expect(found.map((each) => `${each.cumulativeTokenCount} ${each.ttlTier.asStr()}`).sort()).toEqual([
      '10 1h',
      '30 24h',
    ]);
  });

  it('records nothing of what failed, and passes the error on', async () => {
    const rig = new PrefixRig();
    const { cache } = await rig.instance();
    const failure = new Error('overloaded');
    const prompt = fingerprint([block('a')]);
    await expect(cache.around(SCOPE, prompt, tens, () => Promise.reject(failure))).rejects.toBe(failure);
    await cache.settled();
    expect((await cache.find(SCOPE, prompt)).match).toBeNull();
    expect(cache.counters.writes).toBe(0);
  });

  it('records nothing that was invalidated while it was under way', async () => {
    const rig = new PrefixRig();
    const [one, other] = [await rig.instance(), await rig.instance()];
    const prompt = fingerprint([block('a')]);
    await one.cache.around(SCOPE, prompt, tens, async () => {
      await other.index.invalidate({ tokenizerVersion: SCOPE.tokenizerVersion });
    });
    await one.cache.settled();
    expect(one.cache.counters).toMatchObject({ writes: 0, refused: 1 });
    expect((await one.cache.find(SCOPE, prompt)).match).toBeNull();
  });

  it('slides the longest match alone', async () => {
    const rig = new PrefixRig();
    const { cache, index } = await rig.instance({ accelerated: false });
    const prompt = fingerprint([block('a'), block('b')], { breakpoints: [0, 1] });
    await cache.record(await cache.find(SCOPE, prompt), tens);
    await rig.clock.advanceAsync(200_000);
    expect((await cache.find(SCOPE, prompt)).cachedTokens).toBe(20);
    await cache.settled();
    await rig.clock.advanceAsync(200_000);
    const found = await index.lookup(
      SCOPE,
      prompt.candidates.map(({ prefixHash }) => prefixHash),
    );
    expect(found.map(({ cumulativeTokenCount }) => cumulativeTokenCount)).toEqual([20]);
  });

  it('takes every trouble of the index for "no cache", counts it, and does not fill the log with it', async () => {
    const rig = new PrefixRig();
    const { cache } = await rig.instance({ accelerated: false });
    const prompt = fingerprint([block('a')]);
    const finding = await cache.find(SCOPE, prompt);
    rig.store.broken = new Error('away');
    for (let call = 0; call < 5; call += 1) {
      expect(await cache.around(SCOPE, prompt, tens, async ({ match }) => match)).toBeNull();
      expect(await cache.record(finding, tens)).toBe(0);
      expect(await cache.record(finding, () => Promise.reject(new Error('no tokenizer')))).toBe(0);
    }
    await cache.settled();
    expect(cache.counters).toMatchObject({ failedFinds: 5, failedWrites: 10, hits: 0, writes: 0 });
    expect(rig.warnings).toEqual([
      'A prefix could not be looked up and counts as unknown. cache index database error: away',
      'A prefix could not be recorded. cache index database error: away',
    ]);
    await rig.clock.advanceAsync(10_000);
    await cache.find(SCOPE, prompt);
    expect(rig.warnings).toHaveLength(3);
    expect((await cache.find({ ...SCOPE, principalId: 'nobody' }, prompt)).ticket).toBeNull();
  });

  it('waits for a silent index as long as it is told to', async () => {
    const rig = new PrefixRig();
    const { cache, index } = await rig.instance();
    index.longest = () => new Promise(() => undefined);
    const finding = cache.find(SCOPE, fingerprint([block('a')]));
    await rig.clock.advanceAsync(5_000);
    expect(await finding).toMatchObject({ match: null, ticket: null });
  });
});
