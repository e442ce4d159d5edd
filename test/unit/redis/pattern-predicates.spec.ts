import { PatternPredicates } from '../../../libs/cache/src/adapters/redis/pattern-predicates.js';
import type { Invalidation } from '../../../libs/cache/src/core/coherence/invalidation.js';
import { logIdAt, ordOf, positionOf } from '../../../libs/cache/src/core/coherence/position.js';

const ERA = '00000001aaaaaaaaaaaaaaaa';
const ord = (ms: number): string => ordOf(ERA, logIdAt(ms));
const member = (ms: number, pattern: string): string => ord(ms) + JSON.stringify({ pattern, scope: null });
const invalidation = (...patterns: string[]): Invalidation => ({
  id: 'i',
  keys: [],
  tags: [],
  patterns: patterns.map((pattern) => ({ pattern, scope: null })),
  flush: false,
  reason: '',
  origin: '',
});

function list(server: { upTo: string; members: string[] }, limit = 10) {
  let fetches = 0;
  const predicates = new PatternPredicates(
    () => {
      fetches += 1;
      return Promise.resolve({ ...server, members: [...server.members] });
    },
    ({ pattern }) => {
      if (pattern === '(') throw new Error('no such pattern');
      return (key) => key.startsWith(pattern);
    },
    limit,
  );
  return { predicates, fetches: () => fetches };
}

describe('PatternPredicates', () => {
  it('doom entries stamped before a pattern that matches, and no others', async () => {
    const { predicates } = list({ upTo: ord(20), members: [member(10, 'a'), member(20, 'b')] });
    await predicates.refresh();
    expect(predicates.latest('a1', ord(9))).toBe(ord(10));
    expect(predicates.latest('a1', ord(10))).toBeNull(); // stamped after it: the stamp was taken when it had run
    expect(predicates.latest('b1', ord(10))).toBe(ord(20));
    expect(predicates.latest('c1', ord(1))).toBeNull();
  });

  it('are not current before they were fetched, unless there was never a pattern', async () => {
    const { predicates } = list({ upTo: ord(20), members: [] });
    expect(predicates.current('')).toBe(true);
    expect(predicates.current(ord(20))).toBe(false);
    await predicates.refresh();
    expect(predicates.current(ord(20))).toBe(true);
    expect(predicates.current(ord(21))).toBe(false);
  });

  it('follow the log once they know where they stand', async () => {
    const { predicates } = list({ upTo: ord(20), members: [] });
    predicates.follow([invalidation('early')], positionOf(ERA, logIdAt(15)));
    expect(predicates.current(ord(15))).toBe(false); // what came before 15 is unknown
    await predicates.refresh();
    predicates.follow([invalidation('a')], positionOf(ERA, logIdAt(20))); // in the fetched list already
    predicates.follow([invalidation('b', 'c')], positionOf(ERA, logIdAt(30)));
    expect(predicates.size).toBe(2);
    expect(predicates.current(ord(30))).toBe(true);
    expect(predicates.latest('c1', ord(29))).toBe(ord(30));
  });

  it('know nothing after a reset', async () => {
    const { predicates } = list({ upTo: ord(20), members: [member(20, 'a')] });
    await predicates.refresh();
    predicates.forget();
    expect(predicates.current(ord(20))).toBe(false);
  });

  it('are not set back by a list that was fetched before the log went on', async () => {
    const { predicates } = list({ upTo: ord(20), members: [] });
    await predicates.refresh();
    const late = predicates.refresh();
    predicates.follow([invalidation('b')], positionOf(ERA, logIdAt(30)));
    await late;
    expect(predicates.latest('b1', ord(29))).toBe(ord(30));
  });

  it('are fetched once for all who wait', async () => {
    const { predicates, fetches } = list({ upTo: ord(20), members: [] });
    await Promise.all([predicates.refresh(), predicates.refresh(), predicates.refresh()]);
    expect(fetches()).toBe(1);
  });

  it('take what they cannot read to match everything', async () => {
    const { predicates } = list({ upTo: ord(20), members: [member(10, '('), `${ord(20)}not json`] });
    await predicates.refresh();
    expect(predicates.latest('whatever', ord(9))).toBe(ord(20));
    expect(predicates.latest('whatever', ord(19))).toBe(ord(20));
  });

  it('stay bounded however many the log brings (I19)', async () => {
    const { predicates } = list({ upTo: ord(1), members: [] }, 10);
    await predicates.refresh();
    for (let ms = 2; ms < 100; ms += 1) {
      predicates.follow([invalidation(`p${ms}`)], positionOf(ERA, logIdAt(ms)));
      expect(predicates.size).toBeLessThanOrEqual(20);
    }
  });
});
