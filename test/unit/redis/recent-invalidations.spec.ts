import { RecentInvalidations } from '../../../libs/cache/src/adapters/redis/recent-invalidations.js';
import type { Invalidation } from '../../../libs/cache/src/core/coherence/invalidation.js';
import { logIdAt, positionOf } from '../../../libs/cache/src/core/coherence/position.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

const ERA = '00000001aaaaaaaaaaaaaaaa';
const NEXT = '00000002bbbbbbbbbbbbbbbb';
const nothing = { keys: [], tags: [], patterns: [], flush: false, reason: 'test', origin: 'me' };

// What is executed again after a change of history decides whether entries from before may be served again.
describe('what an instance had executed lately', () => {
  let clock: ManualClock;
  let recent: RecentInvalidations;
  let executed = 0;

  beforeEach(() => {
    clock = new ManualClock();
    recent = new RecentInvalidations(clock);
    executed = 0;
  });

  function execute(count: number, era = ERA): void {
    for (let n = 0; n < count; n += 1) {
      executed += 1;
      const invalidation: Invalidation = { ...nothing, id: String(executed), keys: [`k${executed}`] };
      recent.remember(invalidation, positionOf(era, logIdAt(executed)));
    }
  }

  it('is all that was not executed in the history there is now', () => {
    execute(3);
    execute(2, NEXT);
    expect(recent.of(NEXT).map(({ id }) => id)).toEqual(['1', '2', '3']);
    expect(recent.of(ERA).map(({ id }) => id)).toEqual(['4', '5']);
  });

  it('is of no interest after a minute', () => {
    execute(3);
    clock.advance(60_001);
    execute(1);
    expect(recent.of(NEXT).map(({ id }) => id)).toEqual(['4']);
  });

  it('is everything, where more was executed than can be kept', () => {
    execute(10_001);
    expect(recent.of(NEXT)).toEqual([expect.objectContaining({ flush: true, keys: [] })]);
    expect(recent.of(ERA)).toEqual([]);
  });

  it('is told one by one again, once what was forgotten is of no interest', () => {
    execute(10_001);
    clock.advance(60_001);
    execute(2);
    expect(recent.of(NEXT).map(({ id }) => id)).toEqual(['10002', '10003']);
  });
});
