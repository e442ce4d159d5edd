import { InMemoryDecisionStore } from '../../libs/cache/src/adapters/memory/in-memory-decision-store.js';
import { describeDecisionStore } from '../../libs/cache/src/testing/decision-store.contract.js';
import { ManualClock } from '../../libs/cache/src/testing/manual-clock.js';

describeDecisionStore('memory', async () => {
  const clock = new ManualClock();
  const store = new InMemoryDecisionStore({ clock });
  await store.open();
  return { store, now: async () => clock.wall(), close: () => store.close() };
});
