import { OUTBOX_TABLE } from '../tables.js';

/** Compares text as the core does, whatever the database's own collation is. Parameters of procedures must say it too. */
export const TEXT = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/**
 * Which index a statement that locks rows has to take. Left to itself the optimiser reads a small table from end to end, and
 * a statement waits for every locked row that it merely reads past.
 */
export const BY_ID = 'FORCE INDEX (PRIMARY)';
export const BY_STATE = `FORCE INDEX (${OUTBOX_TABLE}_due)`;
export const BY_COMMIT = `FORCE INDEX (${OUTBOX_TABLE}_target)`;
export const BY_PUBLICATION = `FORCE INDEX (${OUTBOX_TABLE}_published)`;

/**
 * The outbox. There are no indexes of a part of the rows here, so the state leads: workers look at pending rows alone, however
 * many published ones are kept. The id stands for namespace, position and target, so it alone keeps a target to one row.
 */
export const CREATE_OUTBOX = `
CREATE TABLE IF NOT EXISTS ${OUTBOX_TABLE} (
  id varchar(64) NOT NULL PRIMARY KEY,
  namespace varchar(190) NOT NULL,
  commit_position varchar(255) NOT NULL,
  target_hash varchar(64) NOT NULL,
  intent_kind varchar(16) NOT NULL,
  cache_key mediumtext,
  cache_tag mediumtext,
  entity_name mediumtext,
  collection_name mediumtext,
  reason mediumtext NOT NULL,
  payload_json mediumtext,
  created_at_ms bigint NOT NULL,
  available_at_ms bigint NOT NULL,
  claimed_at_ms bigint,
  claim_owner varchar(255),
  published_at_ms bigint,
  attempts integer NOT NULL DEFAULT 0,
  state varchar(16) NOT NULL DEFAULT 'pending',
  last_error mediumtext,
  claim_seq bigint NOT NULL DEFAULT 0,
  applied_pos varchar(255),
  CONSTRAINT ${OUTBOX_TABLE}_state CHECK (state IN ('pending', 'published', 'dead')),
  KEY ${OUTBOX_TABLE}_due (namespace, state, available_at_ms, created_at_ms, id),
  KEY ${OUTBOX_TABLE}_target (namespace, commit_position, target_hash),
  KEY ${OUTBOX_TABLE}_published (namespace, state, published_at_ms),
  KEY ${OUTBOX_TABLE}_attempts (namespace, attempts)
) ENGINE = InnoDB DEFAULT ${TEXT}
`;
