import { TypeOrmAuditStore } from './typeorm-audit-store.js';
import type { TypeOrmAuditOptions } from './typeorm-audit.options.js';
import { TypeOrmDecisionStore } from './typeorm-decision-store.js';
import type { TypeOrmDecisionOptions } from './typeorm-decision.options.js';
import { TypeOrmOutboxStore } from './typeorm-outbox-store.js';
import type { TypeOrmOutboxOptions } from './typeorm-outbox.options.js';
import { TypeOrmPrefixStore } from './typeorm-prefix-store.js';
import type { TypeOrmPrefixesOptions } from './typeorm-prefixes.options.js';

/** The durable outbox, in the database of the data: `outbox: typeormOutbox({ dataSource })`. */
export function typeormOutbox(options?: TypeOrmOutboxOptions): TypeOrmOutboxStore {
  return new TypeOrmOutboxStore(options);
}

/** The prefix index in PostgreSQL: `PrefixIndexModule.forRoot({ store: typeormPrefixes({ dataSource }) })`. */
export function typeormPrefixes(options?: TypeOrmPrefixesOptions): TypeOrmPrefixStore {
  return new TypeOrmPrefixStore(options);
}

/** The durable audit log: `audit: typeormAudit({ dataSource })`. */
export function typeormAudit(options?: TypeOrmAuditOptions): TypeOrmAuditStore {
  return new TypeOrmAuditStore(options);
}

/** The durable tier of the decision cache: `DecisionCacheModule.forRoot({ store: typeormDecisions({ dataSource }) })`. */
export function typeormDecisions(options?: TypeOrmDecisionOptions): TypeOrmDecisionStore {
  return new TypeOrmDecisionStore(options);
}
