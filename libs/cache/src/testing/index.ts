export { describeAuditStore } from './audit-store.contract.js';
export { describeCacheBackend } from './cache-backend.contract.js';
export { describeClock, type ClockSubject } from './clock.contract.js';
export { describeInvalidationLog } from './invalidation-log.contract.js';
export { describeOutboxStore } from './outbox-store.contract.js';
export type { OutboxStoreSubject } from './outbox-store-subject.js';
export { ManualClock } from './manual-clock.js';
export type { TierInstance, TierSubject } from './tier-subject.js';
