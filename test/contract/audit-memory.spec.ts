import { InMemoryAuditStore } from '../../libs/cache/src/adapters/memory/in-memory-audit-store.js';
import { describeAuditStore } from '../../libs/cache/src/testing/audit-store.contract.js';

describeAuditStore('memory', async () => {
  const store = new InMemoryAuditStore();
  await store.open();
  return { store, close: () => store.close() };
});
