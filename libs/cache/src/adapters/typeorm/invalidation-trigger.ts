import type { QueryRunner } from 'typeorm';
import { dialectOf } from './dialects.js';

/** Which table is to invalidate, and what. */
export interface InvalidationTriggerOptions {
  /** The cache namespace of the application. */
  readonly namespace: string;
  /** The table, optionally with its schema: `product`, `shop.product`. */
  readonly table: string;
  /** Kind of its rows, as in `entityTag('product', 42)`. */
  readonly entity: string;
  /** The column that identifies a row. */
  readonly id: string;
  /** Collections that show its rows. @default [] */
  readonly collections?: readonly string[];
  /** A statement that changes more rows than this invalidates the namespace instead of each row. @default 10000 */
  readonly maxRows?: number;
}

const MAX_ROWS = 10_000;

/**
 * Lets the database itself record what a write to a table makes stale, so that `psql`, other services, query builders and raw
 * SQL invalidate too: in the transaction of the write. Belongs into a migration, after the outbox is installed. Installing
 * again replaces the trigger.
 *
 * @throws CacheError `LARDER_OPTION_INVALID` for a table or column that does not exist
 */
export function installInvalidationTrigger(
  queryRunner: QueryRunner,
  options: InvalidationTriggerOptions,
): Promise<void> {
  const { collections = [], maxRows = MAX_ROWS } = options;
  return dialectOf(queryRunner.connection).trigger.install(queryRunner, { ...options, collections, maxRows });
}

/** Takes the triggers of {@link installInvalidationTrigger} away again. */
export function removeInvalidationTrigger(queryRunner: QueryRunner, table: string): Promise<void> {
  return dialectOf(queryRunner.connection).trigger.remove(queryRunner, table);
}
