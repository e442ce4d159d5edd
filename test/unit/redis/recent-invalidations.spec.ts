import { RecentInvalidations } from '../../../libs/cache/src/adapters/redis/recent-invalidations.js';
import type { Invalidation } from '../../../libs/cache/src/core/coherence/invalidation.js';
import { logIdAt, positionOf } from '../../../libs/cache/src/core/coherence/position.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

const era = (n: number): string => `0000000${n}${String(n).repeat(16)}`;
const invalidation = (id: string): Invalidation => ({
  id,
  keys: [id],
  tags: [],
  patterns: [],
  flush: false,
  reason: '',
  origin: 'me',
});

describe('what an instance had executed by itself lately', () => {
  let clock: ManualClock;
  let recent: RecentInvalidations;
  beforeEach(() => {
    clock = new ManualClock();
    recent = new RecentInvalidations(clock, 2_000);
  });
  const remember = (id: string, n = 1): void => recent.remember(invalidation(id), positionOf(era(n), logIdAt(1)));
  const again = async (n: number): Promise<readonly Invalidation[]> => {
    const executed: Invalidation[] = [];
    await recent.executeAgain(era(n), async (one) => {
      executed.push(one);
      return positionOf(era(n), logIdAt(9));
    });
    return executed;
  };
  const ids = async (n: number): Promise<string[]> => (await again(n)).map(({ id }) => id);

  it('is executed again in another history, once in each, however many come', async () => {
    remember('a');
    remember('b');
    expect(await ids(1)).toEqual([]);
    expect(await ids(2)).toEqual(['a', 'b']);
    expect(await ids(2)).toEqual([]);
    expect(await ids(3)).toEqual(['a', 'b']); // what was executed again may be lost again
  });

  it('comes again when it is not known to have been executed', async () => {
    remember('a');
    await expect(recent.executeAgain(era(2), () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await ids(2)).toEqual(['a']);
  });

  it('is forgotten after a minute', async () => {
    remember('a');
    clock.advance(59_000);
    remember('b');
    clock.advance(2_000);
    expect(await ids(2)).toEqual(['b']);
  });

  it('is bounded: the oldest of too many are covered by a flush', async () => {
    for (let n = 0; n < 10_001; n += 1) remember(`k${n}`);
    const executed = await again(2);
    expect(executed.length).toBeLessThanOrEqual(10_000);
    expect(executed[0]).toMatchObject({ flush: true, keys: [] });
    expect(executed.at(-1)).toMatchObject({ id: 'k10000', flush: false });
  });

  it('is told one by one again, once what was folded is of no interest', async () => {
    for (let n = 0; n < 10_001; n += 1) remember(`k${n}`);
    clock.advance(60_001);
    remember('a');
    expect(await ids(2)).toEqual(['a']);
  });
});
