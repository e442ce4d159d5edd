import type { QueryRunner } from 'typeorm';
import { noSuchTable } from '../../no-such-table.js';
import type { TriggerDialect } from '../../outbox-dialect.js';

const NAME = 'hydracache_invalidate';
const EVENTS = {
  insert: 'REFERENCING NEW TABLE AS new_rows',
  update: 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows',
  delete: 'REFERENCING OLD TABLE AS old_rows',
  truncate: '',
} as const;

/** One trigger per kind of statement, each called once for all rows the statement has changed; see `create-trigger.ts`. */
export const TRIGGER: TriggerDialect = {
  async install(queryRunner, { namespace, table, entity, id, collections, maxRows }) {
    const quoted = await quotedTable(queryRunner, table, id);
    const parameters = [namespace, entity, id, arrayLiteral(collections), String(maxRows)].map(literal).join(', ');
    for (const [event, referencing] of Object.entries(EVENTS)) {
      const name = `${NAME}_${event}`;
      await queryRunner.query(`DROP TRIGGER IF EXISTS ${name} ON ${quoted}`);
      await queryRunner.query(
        `CREATE TRIGGER ${name} AFTER ${event.toUpperCase()} ON ${quoted} ${referencing}
         FOR EACH STATEMENT EXECUTE FUNCTION hydracache_invalidate_rows(${parameters})`,
      );
    }
  },

  async remove(queryRunner, table) {
    const quoted = await quotedTable(queryRunner, table);
    for (const event of Object.keys(EVENTS)) {
      await queryRunner.query(`DROP TRIGGER IF EXISTS ${NAME}_${event} ON ${quoted}`);
    }
  },
};

/** The table as the database spells and quotes it; also proves that table and column exist. */
async function quotedTable(queryRunner: QueryRunner, table: string, column?: string): Promise<string> {
  const [found] = await queryRunner.query(
    `SELECT oid::regclass::text AS name,
       EXISTS (SELECT FROM pg_attribute WHERE attrelid = oid AND attname = $2 AND attnum > 0 AND NOT attisdropped) AS has_column
     FROM (SELECT to_regclass($1)::oid AS oid) AS found WHERE oid IS NOT NULL`,
    [table, column ?? ''],
  );
  if (found !== undefined && (column === undefined || found.has_column)) return found.name;
  throw noSuchTable(table, found === undefined ? null : column!, `'"Product"'`);
}

function arrayLiteral(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

/** Parameters of a trigger are literals of the statement that creates it. */
function literal(text: string): string {
  const doubled = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}
