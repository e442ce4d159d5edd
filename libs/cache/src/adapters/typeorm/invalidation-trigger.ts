import type { QueryRunner } from 'typeorm';
import { CacheError } from '../../core/errors/cache-error.js';

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

const NAME = 'hydracache_invalidate';
const EVENTS = {
  insert: 'REFERENCING NEW TABLE AS new_rows',
  update: 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows',
  delete: 'REFERENCING OLD TABLE AS old_rows',
  truncate: '',
} as const;
const MAX_ROWS = 10_000;

/**
 * Lets the database itself record what a write to a table makes stale, so that `psql`, other services, query builders and raw
 * SQL invalidate too: in the transaction of the write, once per row whoever else records the same. Belongs into a migration,
 * after the outbox is installed. Installing again replaces the trigger.
 *
 * @throws CacheError `LARDER_OPTION_INVALID` for a table or column that does not exist
 */
export async function installInvalidationTrigger(
  queryRunner: QueryRunner,
  options: InvalidationTriggerOptions,
): Promise<void> {
  const table = await quotedTable(queryRunner, options.table, options.id);
  const values = [options.namespace, options.entity, options.id, arrayLiteral(options.collections ?? [])];
  const parameters = [...values, String(options.maxRows ?? MAX_ROWS)].map(literal).join(', ');
  for (const [event, referencing] of Object.entries(EVENTS)) {
    const name = `${NAME}_${event}`;
    await queryRunner.query(`DROP TRIGGER IF EXISTS ${name} ON ${table}`);
    await queryRunner.query(
      `CREATE TRIGGER ${name} AFTER ${event.toUpperCase()} ON ${table} ${referencing}
       FOR EACH STATEMENT EXECUTE FUNCTION hydracache_invalidate_rows(${parameters})`,
    );
  }
}

/** Takes the triggers of {@link installInvalidationTrigger} away again. */
export async function removeInvalidationTrigger(queryRunner: QueryRunner, table: string): Promise<void> {
  const quoted = await quotedTable(queryRunner, table);
  for (const event of Object.keys(EVENTS))
    await queryRunner.query(`DROP TRIGGER IF EXISTS ${NAME}_${event} ON ${quoted}`);
}

/** The table as the database spells and quotes it; also proves that table and column exist. */
async function quotedTable(queryRunner: QueryRunner, table: string, column?: string): Promise<string> {
  const [found] = await queryRunner.query(
    `SELECT oid::regclass::text AS name,
       EXISTS (SELECT FROM pg_attribute WHERE attrelid = oid AND attname = $2 AND attnum > 0 AND NOT attisdropped) AS has_column
     FROM (SELECT to_regclass($1)::oid AS oid) AS found WHERE oid IS NOT NULL`,
    [table, column ?? ''],
  );
  if (found !== undefined && (column === undefined || found.has_column)) return found.name;
  const missing = found === undefined ? `no table \`${table}\`` : `no column \`${column}\` in \`${table}\``;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected a table and the column that identifies its rows, got ${missing}. Quote names as SQL does, e.g. '"Product"'.`,
  );
}

function arrayLiteral(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

/** Parameters of a trigger are literals of the statement that creates it. */
function literal(text: string): string {
  const doubled = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}
