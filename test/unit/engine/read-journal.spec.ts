import { LocalFence } from '../../../libs/cache/src/core/engine/local-fence.js';
import { ReadJournal } from '../../../libs/cache/src/core/engine/read-journal.js';

describe('the journal of reads', () => {
  it('remembers so many keys and no more, the ones read last', () => {
    const fence = new LocalFence();
    const journal = new ReadJournal(fence);
    let most = 0;
    for (let n = 0; n < 30_000; n += 1) {
      journal.missed(`k${n}`, fence.mark(), n, false);
      journal.filled(`k${n}`, fence.mark(), [], n + 10, 'kept');
      most = Math.max(most, journal.size);
    }
    expect(most).toBe(1_000);
    expect(journal.missOf('k0')).toBeNull();
    expect(journal.missOf('k29999')).toEqual({ cause: 'cold', by: null, at: 29_999 });
  });

  it('does not name what it cannot tell apart any more', () => {
    const fence = new LocalFence();
    const journal = new ReadJournal(fence);
    journal.filled('k', fence.mark(), ['t'], 1000, 'kept');
    for (let n = 0; n < 30_000; n += 1) fence.invalidateTag(`other ${n}`);
    journal.missed('k', fence.mark(), 10, false);
    expect(journal.missOf('k')).toEqual({ cause: 'unknown', by: null, at: 10 });
  });
});
