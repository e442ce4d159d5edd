import { createHash } from 'node:crypto';
import type { QueryRunner } from 'typeorm';
import { noSuchTable } from '../../no-such-table.js';
import type { TriggerDialect } from '../../outbox-dialect.js';

const NAME = 'hydracache_invalidate';
const MAX_NAME = 64;
/** What each event tells of the old and of the new row. */
const EVENTS = { insert: [null, 'NEW'], update: ['OLD', 'NEW'], delete: ['OLD', null] } as const;

/** One trigger per kind of statement, each called for every row the statement changes; see `create-trigger.ts`. */
export const TRIGGER: TriggerDialect = {
  async install(queryRunner, { namespace, table, entity, id, collections, maxRows }) {
    const { database, schema, name } = await find(queryRunner, table, id);
    const procedure = `${quoted(database)}.hydracache_invalidate_row`;
    for (const [event, rows] of Object.entries(EVENTS)) {
      const keys = rows.map((row) => (row === null ? 'NULL' : `CONVERT(${row}.${quoted(id)} USING utf8mb4)`));
      const why = literal(`${event} on ${name}`);
      await queryRunner.query(`DROP TRIGGER IF EXISTS ${quoted(schema)}.${triggerName(event, name)}`);
      await queryRunner.query(
        `CREATE TRIGGER ${quoted(schema)}.${triggerName(event, name)} AFTER ${event.toUpperCase()}
         ON ${quoted(schema)}.${quoted(name)} FOR EACH ROW
         CALL ${procedure}(${literal(namespace)}, ${literal(entity)}, ${keys.join(', ')},
           ${literal(JSON.stringify(collections))}, ${Number(maxRows)}, ${why})`,
      );
    }
  },

  async remove(queryRunner, table) {
    const { schema, name } = await find(queryRunner, table);
    for (const event of Object.keys(EVENTS)) {
      await queryRunner.query(`DROP TRIGGER IF EXISTS ${quoted(schema)}.${triggerName(event, name)}`);
    }
  },
};

interface FoundTable {
  /** Where the outbox is. */
  readonly database: string;
  readonly schema: string;
  readonly name: string;
}

/** `product`, `shop.product`, each part with or without backquotes; also proves that table and column exist. */
async function find(queryRunner: QueryRunner, table: string, column?: string): Promise<FoundTable> {
  const parts = [...table.matchAll(/`((?:[^`]|``)+)`|([^`.]+)/g)].map(
    ([, inQuotes, plain]) => inQuotes?.replaceAll('``', '`') ?? plain!,
  );
  const [name, schema = null] = parts.toReversed();
  const [found] = await queryRunner.query(
    `SELECT DATABASE() AS db, table_schema AS table_db, table_name AS name,
       (SELECT count(*) FROM information_schema.columns AS c
        WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.column_name = ?) AS has_column
     FROM information_schema.tables AS t WHERE table_schema = coalesce(?, DATABASE()) AND table_name = ?`,
    [column ?? '', schema, name],
  );
  if (found === undefined || (column !== undefined && Number(found.has_column) === 0)) {
    throw noSuchTable(table, found === undefined ? null : column!, '`` `Product` ``');
  }
  return { database: found.db, schema: found.table_db, name: found.name };
}

/** Names of triggers are the database's, not the table's, and short. */
function triggerName(event: string, table: string): string {
  const name = `${NAME}_${event}_${table}`;
  if (name.length <= MAX_NAME) return quoted(name);
  return quoted(`${NAME}_${event}_${createHash('sha256').update(table).digest('hex').slice(0, 24)}`);
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** Bytes, so that neither the session's character set nor its way of escaping matters. */
function literal(text: string): string {
  return text === '' ? "''" : `_utf8mb4 0x${Buffer.from(text).toString('hex')}`;
}
