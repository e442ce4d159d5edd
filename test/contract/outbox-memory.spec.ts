import { InMemoryOutboxStore } from '../../libs/cache/src/adapters/memory/in-memory-outbox-store.js';
import { ManualClock } from '../../libs/cache/src/testing/manual-clock.js';
import { describeOutboxStore } from '../../libs/cache/src/testing/outbox-store.contract.js';

describeOutboxStore('memory', async () => {
  const clock = new ManualClock();
  const store = new InMemoryOutboxStore(clock);
  await store.open();
  return {
    store,
    elapse: async (ms) => clock.advance(ms),
    close: () => store.close(),
  };
});
