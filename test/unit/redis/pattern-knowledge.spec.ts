import { PatternPredicates } from '../../../libs/cache/src/adapters/redis/pattern-predicates.js';
import { PatternSweeper } from '../../../libs/cache/src/adapters/redis/pattern-sweeper.js';
import { RedisKeys } from '../../../libs/cache/src/adapters/redis/redis-keys.js';
import type { RedisLink } from '../../../libs/cache/src/adapters/redis/redis-link.js';
import { SystemClock } from '../../../libs/cache/src/core/clock/system-clock.js';
import type { Invalidation } from '../../../libs/cache/src/core/coherence/invalidation.js';
import { logIdAt, ordOf, positionOf } from '../../../libs/cache/src/core/coherence/position.js';

const ERA = '00000001aaaaaaaaaaaaaaaa';
const ord = (ms: number): string => ordOf(ERA, logIdAt(ms));
const member = (ms: number, pattern: string): string => ord(ms) + JSON.stringify({ pattern, scope: null });
const message = (pattern: string): Invalidation[] => [
  { id: 'i', keys: [], tags: [], patterns: [{ pattern, scope: null }], flush: false, reason: '', origin: '' },
];
const at = (ms: number): string => positionOf(ERA, logIdAt(ms));

interface Fetched {
  readonly upTo: string;
  readonly members: readonly string[];
}

/** Predicates whose fetches are answered one by one, when the test says so. */
function slowlyFetched() {
  const answers: ((fetched: Fetched) => void)[] = [];
  const predicates = new PatternPredicates(
    () => new Promise<Fetched>((resolve) => answers.push(resolve)),
    ({ pattern }) =>
      (key) =>
        key.startsWith(pattern),
    100,
  );
  const answer = async (fetched: Fetched): Promise<void> => {
    for (let turn = 0; turn < 10 && answers.length === 0; turn += 1) await Promise.resolve();
    if (answers.length === 0) throw new Error('nothing was fetched');
    answers.shift()!(fetched);
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  return { predicates, answer };
}

// A pattern invalidation that an instance has not heard of must not be forgotten because of a list that is older than it.
describe('what an instance knows of patterns', () => {
  it('is fetched again when the fetch under way is older than the pattern asked for', async () => {
    const { predicates, answer } = slowlyFetched();
    const before = predicates.refresh();
    const reached = predicates.reach(ord(20));
    await answer({ upTo: ord(10), members: [] });
    await before;
    expect(predicates.latest('m1', ord(5))).toBeNull();
    await answer({ upTo: ord(20), members: [member(20, 'm')] });
    await reached;
    expect(predicates.latest('m1', ord(5))).toBe(ord(20));
  });

  it('includes what the log delivered while the first list was on its way', async () => {
    const { predicates, answer } = slowlyFetched();
    const fetched = predicates.refresh();
    predicates.follow(message('m'), at(20));
    await answer({ upTo: ord(10), members: [] });
    await fetched;
    predicates.follow(message('n'), at(30));
    expect(predicates.current(ord(30))).toBe(true);
    expect(predicates.latest('m1', ord(5))).toBe(ord(20));
    expect(predicates.latest('n1', ord(5))).toBe(ord(30));
  });

  it('is nothing after a loss of continuity, whatever a fetch from before it brings', async () => {
    const { predicates, answer } = slowlyFetched();
    const fetched = predicates.refresh();
    predicates.forget(); // perhaps of a message at 20 that was missed
    await answer({ upTo: ord(10), members: [] });
    await fetched;
    predicates.follow(message('n'), at(30));
    expect(predicates.current(ord(30))).toBe(false);
  });

  it('is held apart from a sweep: one that loses it on its way removes all the same what it forgets at its end', async () => {
    const keys = new RedisKeys('larder', 'shop', false);
    const now = Date.now();
    const old = now - 120_000;
    const predicates = new PatternPredicates(
      () => Promise.resolve({ upTo: ord(now), members: [member(old, 'user:')] }),
      ({ pattern }) =>
        (key) =>
          key.startsWith(pattern),
      100,
    );
    const dropped: unknown[] = [];
    const client = {
      scan: (cursor: string) => {
        if (cursor === '0') return Promise.resolve(['1', [keys.entry('user:1')]]);
        predicates.forget(); // a gap in the log, in mid-pass
        return Promise.resolve(['0', [keys.entry('user:2')]]);
      },
      callBuffer: (_command: string, _sha: string, keyCount: number, ...rest: unknown[]) => {
        if (keyCount === 1) return Promise.resolve(Buffer.from(String(now)));
        dropped.push(rest.at(-1));
        return Promise.resolve(1);
      },
    };
    const link = { era: ERA, run: (_: number, work: (to: unknown) => unknown) => work(client) } as unknown as RedisLink;
    const swept: string[] = [];
    const store = {
      sweep: (prey: { redisKey: string }[]) => {
        swept.push(...prey.map(({ redisKey }) => redisKey));
        return Promise.resolve(prey.length);
      },
    };
    const events = { emit: () => undefined };
    const sweeper = new PatternSweeper(link, keys, store as never, predicates, new SystemClock(), 1000, events);
    await predicates.refresh();
    await sweeper.expire();
    await sweeper.stop();
    expect(dropped).toEqual([member(old, 'user:')]);
    expect(swept).toEqual([keys.entry('user:1'), keys.entry('user:2')]);
  });
});
