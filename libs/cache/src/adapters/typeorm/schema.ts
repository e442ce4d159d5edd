import type { DataSource, QueryRunner } from 'typeorm';
import { CacheError } from '../../core/errors/cache-error.js';
import { dialectOf } from './dialects.js';
import type { Database, OutboxDialect, SchemaArtifact } from './outbox-dialect.js';
import { DROP_DECISION } from './sql/postgres/create-decision.js';
import { DROP_PREFIXES } from './sql/postgres/create-prefixes.js';
import { ANCHOR_TABLE, AUDIT_TABLE, DECISION_TABLE, OUTBOX_TABLE, PREFIX_TABLE, VERSION_TABLE } from './sql/tables.js';

/** The versions this release writes and reads. */
export const SCHEMA_VERSIONS: Readonly<Record<SchemaArtifact, number>> = Object.freeze({
  [OUTBOX_TABLE]: 1,
  [AUDIT_TABLE]: 1,
  [ANCHOR_TABLE]: 1,
  [DECISION_TABLE]: 1,
  [PREFIX_TABLE]: 1,
});

/** Artifacts with a migration of their own. */
const MIGRATIONS: Partial<Record<SchemaArtifact, string>> = {
  [DECISION_TABLE]: 'LarderDecisions',
  [PREFIX_TABLE]: 'LarderPrefixes',
};

/**
 * Creates what is missing of an artifact; harmless when everything is there, also when several applications start at once.
 *
 * @throws CacheError `LARDER_SCHEMA_UNKNOWN` when a later release has been here
 */
export async function installSchema(queryRunner: QueryRunner, artifact: SchemaArtifact): Promise<void> {
  const dialect = dialectOf(queryRunner.connection);
  const { schema } = dialect;
  await schema.exclusively(queryRunner, async () => {
    await queryRunner.query(schema.createVersions);
    const found = await findVersion(dialect, queryRunner, artifact);
    if (found !== null) return assertKnown(artifact, found);
    await schema.create(queryRunner, artifact);
    await dialect.run(queryRunner, schema.recordVersion, [artifact, SCHEMA_VERSIONS[artifact]]);
  });
}

/**
 * For applications whose schema is the business of migrations: checks without changing anything.
 *
 * @throws CacheError `LARDER_SCHEMA_MISSING`, `LARDER_SCHEMA_UNKNOWN`
 */
export async function checkSchema(dataSource: DataSource, artifact: SchemaArtifact): Promise<void> {
  const found = await findVersion(dialectOf(dataSource), dataSource, artifact);
  if (found === null) {
    throw new CacheError(
      'LARDER_SCHEMA_MISSING',
      `Expected version ${SCHEMA_VERSIONS[artifact]} of ${artifact}, got none. Run the migration \`${MIGRATIONS[artifact] ?? 'LarderSchema'}\`, or leave \`schema\` at 'install'.`,
    );
  }
  assertKnown(artifact, found);
}

/** Takes everything away again, the rows included; triggers on watched tables go first, or with their function. */
export async function dropSchema(queryRunner: QueryRunner): Promise<void> {
  for (const statement of dialectOf(queryRunner.connection).schema.drop) await queryRunner.query(statement);
}

/** Takes the decisions away again, with their version. */
export function dropDecisions(queryRunner: QueryRunner): Promise<void> {
  return dropArtifact(queryRunner, DECISION_TABLE, DROP_DECISION);
}

/** The same for the prefix index. */
export function dropPrefixes(queryRunner: QueryRunner): Promise<void> {
  return dropArtifact(queryRunner, PREFIX_TABLE, DROP_PREFIXES);
}

async function dropArtifact(queryRunner: QueryRunner, artifact: SchemaArtifact, statement: string): Promise<void> {
  const dialect = dialectOf(queryRunner.connection);
  await queryRunner.query(statement);
  await queryRunner.query(dialect.schema.createVersions);
  await dialect.run(queryRunner, `DELETE FROM ${VERSION_TABLE} WHERE artifact = $1`, [artifact]);
}

function assertKnown(artifact: SchemaArtifact, found: number): void {
  if (found <= SCHEMA_VERSIONS[artifact]) return;
  throw new CacheError(
    'LARDER_SCHEMA_UNKNOWN',
    `Expected version ${SCHEMA_VERSIONS[artifact]} of ${artifact} at most, got ${found}. A later release has changed the database: use that release here too.`,
  );
}

/** The recorded version, or `null` where there is none or its table is gone. */
async function findVersion(
  dialect: OutboxDialect,
  database: Database,
  artifact: SchemaArtifact,
): Promise<number | null> {
  const tables = await dialect.run<Record<string, unknown>>(database, dialect.schema.findTables, [
    VERSION_TABLE,
    artifact,
  ]);
  const { one: versions, other: table } = tables.rows[0]!;
  if (versions === null) return null;
  const { rows } = await dialect.run<{ version: number }>(
    database,
    `SELECT version FROM ${VERSION_TABLE} WHERE artifact = $1`,
    [artifact],
  );
  const version = rows[0]?.version ?? null;
  // A version without its table may still tell of a later release, which must be refused and not created anew.
  return version !== null && table === null && version <= SCHEMA_VERSIONS[artifact] ? null : version;
}
