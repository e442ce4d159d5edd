export { InvalidationIntentBatch } from '../../core/invalidation/intent-batch.js';
export { TypeOrmAuditStore } from './typeorm-audit-store.js';
export type { TypeOrmAuditOptions } from './typeorm-audit.options.js';
export { TypeOrmOutboxStore } from './typeorm-outbox-store.js';
export type { TypeOrmOutboxOptions } from './typeorm-outbox.options.js';
export { typeormAudit, typeormOutbox } from './factories.js';
