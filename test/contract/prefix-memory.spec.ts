import { InMemoryPrefixStore } from '../../libs/cache/src/adapters/memory/in-memory-prefix-store.js';
import { ManualClock } from '../../libs/cache/src/testing/manual-clock.js';
import { describePrefixStore } from '../../libs/cache/src/testing/prefix-store.contract.js';

describePrefixStore('memory', async () => {
  const clock = new ManualClock();
  return {
    store: new InMemoryPrefixStore(clock),
    elapse: async (ms) => clock.advance(ms),
    close: async () => undefined,
  };
});
