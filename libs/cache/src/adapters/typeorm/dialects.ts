import type { DataSource } from 'typeorm';
import { CacheError } from '../../core/errors/cache-error.js';
import type { OutboxDialect } from './outbox-dialect.js';
import { MYSQL } from './sql/mysql/dialect.js';
import { POSTGRES } from './sql/postgres/dialect.js';

const DIALECTS: Readonly<Record<string, OutboxDialect>> = Object.freeze({
  postgres: POSTGRES,
  mariadb: MYSQL,
  mysql: MYSQL,
});

/**
 * The dialect of a data source's driver.
 *
 * @throws CacheError `LARDER_DATABASE_UNSUPPORTED`
 */
export function dialectOf(dataSource: DataSource): OutboxDialect {
  const { type } = dataSource.options;
  const dialect = Object.hasOwn(DIALECTS, type) ? DIALECTS[type] : undefined;
  if (dialect !== undefined) return dialect;
  throw new CacheError(
    'LARDER_DATABASE_UNSUPPORTED',
    `Expected a data source of PostgreSQL, MariaDB or MySQL, got ${type}. The durable outbox needs row locks that can be skipped (SKIP LOCKED); use the in-memory outbox elsewhere.`,
  );
}

/**
 * Refuses databases on which the outbox, or the audit log, cannot keep its promises.
 *
 * @throws CacheError `LARDER_DATABASE_UNSUPPORTED`, `LARDER_OPTION_INVALID` for a data source that is not initialised
 */
export async function assertSupported(
  dataSource: DataSource,
  need: 'outbox' | 'audit' | 'decisions' | 'prefixes',
): Promise<void> {
  if (!dataSource.isInitialized) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      'Expected an initialised DataSource, got one without connection. Await `dataSource.initialize()` first.',
    );
  }
  const dialect = dialectOf(dataSource);
  if (need === 'audit' && !dialect.keepsAudit) {
    throw new CacheError(
      'LARDER_DATABASE_UNSUPPORTED',
      `Expected a PostgreSQL data source for \`typeormAudit\`, got ${dialect.product}. It fires no trigger on TRUNCATE, so the log could be emptied unseen. Give the audit a PostgreSQL data source of its own, or leave it out; the outbox may stay where it is.`,
    );
  }
  if (need === 'decisions' && dialect !== POSTGRES) {
    throw new CacheError(
      'LARDER_DATABASE_UNSUPPORTED',
      `Expected a PostgreSQL data source for \`typeormDecisions\`, got ${dialect.product}. Give the decisions a PostgreSQL data source of their own, or keep them in memory.`,
    );
  }
  if (need === 'prefixes' && dialect !== POSTGRES) {
    throw new CacheError(
      'LARDER_DATABASE_UNSUPPORTED',
      `Expected a PostgreSQL data source for \`typeormPrefixes\`, got ${dialect.product}. Give the index a PostgreSQL data source of its own, or leave it in memory.`,
    );
  }
  const shortcoming = await dialect.shortcoming(dataSource);
  if (shortcoming === null) return;
  throw new CacheError('LARDER_DATABASE_UNSUPPORTED', `Expected ${shortcoming}, or use the in-memory outbox.`);
}
