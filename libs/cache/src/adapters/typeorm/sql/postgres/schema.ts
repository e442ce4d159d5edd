import type { QueryRunner } from 'typeorm';
import type { SchemaArtifact, SchemaDialect } from '../../outbox-dialect.js';
import { ANCHOR_TABLE, AUDIT_TABLE, DECISION_TABLE, OUTBOX_TABLE, PREFIX_TABLE, VERSION_TABLE } from '../tables.js';
import { CREATE_AUDIT } from './create-audit.js';
import { CREATE_CLAIM, CREATE_PUBLISH } from './create-claim.js';
import { CREATE_DECISION } from './create-decision.js';
import { CREATE_ENQUEUE } from './create-enqueue.js';
import { CREATE_OUTBOX } from './create-outbox.js';
import { createTriggerFunction } from './create-trigger.js';
import { CREATE_PREFIXES } from './create-prefixes.js';
import { CREATE_FUNCTIONS } from './functions.js';
import { CREATE_ANCHOR } from './history-anchor.js';

/** Any number will do; it keeps two starting applications from installing at once. */
const INSTALL_LOCK = 4_871_223_001;

export const SCHEMA: SchemaDialect = {
  async exclusively(queryRunner, install) {
    await queryRunner.startTransaction();
    try {
      await queryRunner.query(`SELECT pg_advisory_xact_lock(${INSTALL_LOCK})`);
      await install();
      await queryRunner.commitTransaction();
    } catch (error) {
      await queryRunner.rollbackTransaction();
      throw error;
    }
  },
  createVersions: `
CREATE TABLE IF NOT EXISTS ${VERSION_TABLE} (
  artifact text PRIMARY KEY,
  version integer NOT NULL,
  installed_at timestamptz NOT NULL DEFAULT now()
)`,
  findTables: 'SELECT to_regclass($1) AS one, to_regclass($2) AS other',
  recordVersion: `
INSERT INTO ${VERSION_TABLE} (artifact, version) VALUES ($1, $2)
ON CONFLICT (artifact) DO UPDATE SET version = excluded.version, installed_at = now()`,
  create,
  drop: [
    `
DROP FUNCTION IF EXISTS hydracache_invalidate_rows() CASCADE;
DROP FUNCTION IF EXISTS hydracache_claim, hydracache_publish;
DROP TABLE IF EXISTS ${OUTBOX_TABLE}, ${AUDIT_TABLE}, ${ANCHOR_TABLE}, ${VERSION_TABLE};
DROP SEQUENCE IF EXISTS hydracache_claim_seq;
DROP FUNCTION IF EXISTS hydracache_enqueue, hydracache_audit_chain, hydracache_audit_refuse;
DROP FUNCTION IF EXISTS hydracache_cluster_id, hydracache_hash_parts, hydracache_now_ms;`,
  ],
};

const CREATE_ONE: Readonly<Record<Exclude<SchemaArtifact, typeof OUTBOX_TABLE>, string>> = {
  [AUDIT_TABLE]: CREATE_AUDIT,
  [ANCHOR_TABLE]: CREATE_ANCHOR,
  [DECISION_TABLE]: CREATE_DECISION,
  [PREFIX_TABLE]: CREATE_PREFIXES,
};

async function create(queryRunner: QueryRunner, artifact: SchemaArtifact): Promise<void> {
  const [{ schema }] = await queryRunner.query('SELECT quote_ident(current_schema()) AS schema');
  await queryRunner.query(CREATE_FUNCTIONS);
  if (artifact === OUTBOX_TABLE)
    await queryRunner.query(
      CREATE_OUTBOX + CREATE_ENQUEUE + CREATE_CLAIM + CREATE_PUBLISH + createTriggerFunction(schema),
    );
  else await queryRunner.query(CREATE_ONE[artifact]);
}
