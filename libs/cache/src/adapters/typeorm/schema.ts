import type { DataSource, QueryRunner } from 'typeorm';
import { CacheError } from '../../core/errors/cache-error.js';
import { CREATE_AUDIT } from './sql/create-audit.js';
import { CREATE_CLAIM, CREATE_PUBLISH } from './sql/create-claim.js';
import { CREATE_ENQUEUE } from './sql/create-enqueue.js';
import { CREATE_OUTBOX } from './sql/create-outbox.js';
import { createTriggerFunction } from './sql/create-trigger.js';
import { CREATE_FUNCTIONS } from './sql/functions.js';
import { CREATE_ANCHOR } from './sql/history-anchor.js';
import { ANCHOR_TABLE, AUDIT_TABLE, OUTBOX_TABLE, VERSION_TABLE } from './sql/tables.js';

/** A part of the schema that has a version of its own. */
export type SchemaArtifact = typeof OUTBOX_TABLE | typeof AUDIT_TABLE | typeof ANCHOR_TABLE;

/** The versions this release writes and reads. */
export const SCHEMA_VERSIONS: Readonly<Record<SchemaArtifact, number>> = Object.freeze({
  [OUTBOX_TABLE]: 1,
  [AUDIT_TABLE]: 1,
  [ANCHOR_TABLE]: 1,
});

/** The oldest PostgreSQL with 64-bit transaction ids as text (`pg_current_xact_id`). */
const MIN_POSTGRES = 13;
/** Any number will do; it keeps two starting applications from installing at once. */
const INSTALL_LOCK = 4_871_223_001;

const CREATE_VERSIONS = `
CREATE TABLE IF NOT EXISTS ${VERSION_TABLE} (
  artifact text PRIMARY KEY,
  version integer NOT NULL,
  installed_at timestamptz NOT NULL DEFAULT now()
)`;

/**
 * Refuses databases on which the outbox cannot keep its promises: it needs `SKIP LOCKED` and transaction ids.
 *
 * @throws CacheError `LARDER_DATABASE_UNSUPPORTED`, `LARDER_OPTION_INVALID` for a data source that is not initialised
 */
export async function assertSupported(dataSource: DataSource): Promise<void> {
  if (!dataSource.isInitialized) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      'Expected an initialised DataSource, got one without connection. Await `dataSource.initialize()` first.',
    );
  }
  const { type } = dataSource.options;
  const cure = `The durable outbox needs PostgreSQL ${MIN_POSTGRES} or later; use the in-memory outbox elsewhere.`;
  if (type !== 'postgres') {
    throw new CacheError('LARDER_DATABASE_UNSUPPORTED', `Expected a PostgreSQL data source, got ${type}. ${cure}`);
  }
  const [{ version }] = await dataSource.query(`SELECT current_setting('server_version_num')::int AS version`);
  if (version < MIN_POSTGRES * 10_000) {
    throw new CacheError('LARDER_DATABASE_UNSUPPORTED', `Expected PostgreSQL ${MIN_POSTGRES}, got ${version}. ${cure}`);
  }
}

/**
 * Creates what is missing of an artifact; harmless when everything is there, also when several applications start at once.
 *
 * @throws CacheError `LARDER_SCHEMA_UNKNOWN` when a later release has been here
 */
export async function installSchema(queryRunner: QueryRunner, artifact: SchemaArtifact): Promise<void> {
  await queryRunner.startTransaction();
  try {
    await queryRunner.query(`SELECT pg_advisory_xact_lock(${INSTALL_LOCK})`);
    await queryRunner.query(CREATE_VERSIONS);
    const found = await findVersion(queryRunner, artifact);
    if (found === null) await create(queryRunner, artifact);
    else assertKnown(artifact, found);
    await queryRunner.commitTransaction();
  } catch (error) {
    await queryRunner.rollbackTransaction();
    throw error;
  }
}

/**
 * For applications whose schema is the business of migrations: checks without changing anything.
 *
 * @throws CacheError `LARDER_SCHEMA_MISSING`, `LARDER_SCHEMA_UNKNOWN`
 */
export async function checkSchema(dataSource: DataSource, artifact: SchemaArtifact): Promise<void> {
  const found = await findVersion(dataSource, artifact);
  if (found === null) {
    throw new CacheError(
      'LARDER_SCHEMA_MISSING',
      `Expected version ${SCHEMA_VERSIONS[artifact]} of ${artifact}, got none. Run the migration \`LarderSchema\`, or leave \`schema\` at 'install'.`,
    );
  }
  assertKnown(artifact, found);
}

function assertKnown(artifact: SchemaArtifact, found: number): void {
  if (found <= SCHEMA_VERSIONS[artifact]) return;
  throw new CacheError(
    'LARDER_SCHEMA_UNKNOWN',
    `Expected version ${SCHEMA_VERSIONS[artifact]} of ${artifact} at most, got ${found}. A later release has changed the database: use that release here too.`,
  );
}

/** The recorded version, or `null` where there is none or its table is gone. */
async function findVersion(database: Pick<DataSource, 'query'>, artifact: SchemaArtifact): Promise<number | null> {
  const [tables] = await database.query('SELECT to_regclass($1) AS versions, to_regclass($2) AS artifact', [
    VERSION_TABLE,
    artifact,
  ]);
  if (tables.versions === null) return null;
  const [row] = await database.query(`SELECT version FROM ${VERSION_TABLE} WHERE artifact = $1`, [artifact]);
  // A version without its table may still tell of a later release, which must be refused and not created anew.
  return row === undefined || (tables.artifact === null && row.version <= SCHEMA_VERSIONS[artifact])
    ? null
    : row.version;
}

async function create(queryRunner: QueryRunner, artifact: SchemaArtifact): Promise<void> {
  const [{ schema }] = await queryRunner.query('SELECT quote_ident(current_schema()) AS schema');
  await queryRunner.query(CREATE_FUNCTIONS);
  if (artifact === OUTBOX_TABLE)
    await queryRunner.query(
      CREATE_OUTBOX + CREATE_ENQUEUE + CREATE_CLAIM + CREATE_PUBLISH + createTriggerFunction(schema),
    );
  else await queryRunner.query(artifact === AUDIT_TABLE ? CREATE_AUDIT : CREATE_ANCHOR);
  await queryRunner.query(
    `INSERT INTO ${VERSION_TABLE} (artifact, version) VALUES ($1, $2)
     ON CONFLICT (artifact) DO UPDATE SET version = excluded.version, installed_at = now()`,
    [artifact, SCHEMA_VERSIONS[artifact]],
  );
}

/** Takes everything away again, the rows included; triggers on watched tables go with their function. */
export async function dropSchema(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    DROP FUNCTION IF EXISTS hydracache_invalidate_rows() CASCADE;
    DROP FUNCTION IF EXISTS hydracache_claim, hydracache_publish;
    DROP TABLE IF EXISTS ${OUTBOX_TABLE}, ${AUDIT_TABLE}, ${ANCHOR_TABLE}, ${VERSION_TABLE};
    DROP SEQUENCE IF EXISTS hydracache_claim_seq;
    DROP FUNCTION IF EXISTS hydracache_enqueue, hydracache_audit_chain, hydracache_audit_refuse;
    DROP FUNCTION IF EXISTS hydracache_cluster_id, hydracache_hash_parts, hydracache_now_ms;
  `);
}
