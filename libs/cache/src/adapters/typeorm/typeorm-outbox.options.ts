import type { DataSource } from 'typeorm';

/** Options of `typeormOutbox()`. */
export interface TypeOrmOutboxOptions {
  /** Where data and outbox live: both in one database, so that they are written in one transaction. @default given by `bind()` */
  dataSource?: DataSource;
  /** `install`: create what is missing when the store opens; `check`: only look, migrations do it. @default 'install' */
  schema?: 'install' | 'check';
  /** Follow PostgreSQL's notifications on a connection of its own; without, and elsewhere, new rows are found by polling. @default true */
  listen?: boolean;
  /** Longest time a committed transaction waits for its rows to be published before it returns, ms. @default 250 */
  publishWithinMs?: number;
  /** Notifications sent by this process are gathered for this long, ms. @default 50 */
  notifyDebounceMs?: number;
}

export const TYPE_ORM_OUTBOX_DEFAULTS = Object.freeze({
  schema: 'install',
  listen: true,
  publishWithinMs: 250,
  notifyDebounceMs: 50,
});
