import { InMemoryHistoryAnchor } from '../../libs/cache/src/adapters/memory/in-memory-history-anchor.js';
import { describeHistoryAnchor } from '../../libs/cache/src/testing/history-anchor.contract.js';

describeHistoryAnchor('memory', async () => {
  const anchor = new InMemoryHistoryAnchor();
  return { anchor, elsewhere: anchor, close: async () => undefined };
});
