import type { SchemaDialect } from '../../outbox-dialect.js';
import { ANCHOR_TABLE, OUTBOX_TABLE, VERSION_TABLE } from '../tables.js';
import { CREATE_CLAIM } from './create-claim.js';
import { CREATE_OUTBOX } from './create-outbox.js';
import { CREATE_INVALIDATE_ROW, CREATE_RECORD } from './create-trigger.js';
import { CREATE_ANCHOR } from './history-anchor.js';

/** Keeps two applications from installing into a database at once. Names of locks are the server's, and short. */
const INSTALL_LOCK = `CONCAT('hydracache_', SHA1(DATABASE()))`;
const INSTALL_WITHIN_S = 60;
const PROCEDURES = ['hydracache_claim', 'hydracache_record', 'hydracache_invalidate_row'];
const DROP_PROCEDURES = PROCEDURES.map((name) => `DROP PROCEDURE IF EXISTS ${name}`);

const CREATE = [...DROP_PROCEDURES, CREATE_OUTBOX, CREATE_CLAIM, CREATE_RECORD, CREATE_INVALIDATE_ROW];

export const SCHEMA: SchemaDialect = {
  async exclusively(queryRunner, install) {
    const [{ locked }] = await queryRunner.query(`SELECT GET_LOCK(${INSTALL_LOCK}, ${INSTALL_WITHIN_S}) AS locked`);
    if (Number(locked) !== 1) throw new Error(`Expected to install the outbox within ${INSTALL_WITHIN_S} s`);
    try {
      await install();
    } finally {
      await queryRunner.query(`SELECT RELEASE_LOCK(${INSTALL_LOCK})`);
    }
  },
  createVersions: `
CREATE TABLE IF NOT EXISTS ${VERSION_TABLE} (
  artifact varchar(64) NOT NULL PRIMARY KEY,
  version integer NOT NULL,
  installed_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
  findTables: `
SELECT (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = $1) AS one,
  (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = $2) AS other`,
  recordVersion: `
INSERT INTO ${VERSION_TABLE} (artifact, version) VALUES ($1, $2)
ON DUPLICATE KEY UPDATE version = $2, installed_at = CURRENT_TIMESTAMP`,
  async create(queryRunner, artifact) {
    const statements = artifact === OUTBOX_TABLE ? CREATE : [CREATE_ANCHOR];
    for (const statement of statements) await queryRunner.query(statement);
  },
  drop: [...DROP_PROCEDURES, `DROP TABLE IF EXISTS ${OUTBOX_TABLE}, ${ANCHOR_TABLE}, ${VERSION_TABLE}`],
};
