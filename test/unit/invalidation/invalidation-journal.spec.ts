import { InvalidationJournal } from '../../../libs/cache/src/core/invalidation/invalidation-journal.js';
import { targetMatcher } from '../../../libs/cache/src/core/invalidation/target-matcher.js';
import { PatternCache } from '../../../libs/cache/src/core/keys/pattern-cache.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { invalidationOf } from '../../../libs/cache/src/testing/tier-subject.js';

describe('the journal of invalidations', () => {
  const journal = (): InvalidationJournal =>
    new InvalidationJournal(new ManualClock(), targetMatcher(new PatternCache()));

  it('remembers so many targets and no more, the last ones', async () => {
    const noted = journal();
    let most = 0;
    for (let n = 0; n < 15_000; n += 1) {
      const patterns = [{ pattern: `p${n}*`, scope: null }];
      noted.apply(invalidationOf({ keys: [`k${n}`], tags: [`t${n}`], patterns }), 'p');
      most = Math.max(most, noted.size);
    }
    expect(most).toBeLessThanOrEqual(2_256);
    expect([noted.ofKey('k0'), noted.ofTag('t0'), await noted.ofPatterns('p0')]).toEqual([null, null, null]);
    expect([noted.ofKey('k14999'), noted.ofTag('t14999'), await noted.ofPatterns('p14999')]).not.toContain(null);
  });

  it('passes over a pattern that it cannot read', async () => {
    const noted = journal();
    noted.apply(invalidationOf({ patterns: [{ pattern: '/(?=x)/', scope: null }] }), 'p');
    expect(await noted.ofPatterns('x')).toBeNull();
  });
});
