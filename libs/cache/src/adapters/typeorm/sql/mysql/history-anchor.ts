import { ANCHOR_TABLE } from '../tables.js';
import { TEXT } from './create-outbox.js';

/** One row per namespace, changed in place all day. */
export const CREATE_ANCHOR = `
CREATE TABLE IF NOT EXISTS ${ANCHOR_TABLE} (
  namespace varchar(190) NOT NULL PRIMARY KEY,
  era varchar(64) NOT NULL,
  confirmations bigint NOT NULL DEFAULT 1
) ENGINE = InnoDB DEFAULT ${TEXT}
`;

export const READ_ANCHOR = `SELECT era, confirmations FROM ${ANCHOR_TABLE} WHERE namespace = $1`;

export const FIRST_ANCHOR = `INSERT IGNORE INTO ${ANCHOR_TABLE} (namespace, era) VALUES ($1, $2)`;

export const RAISE_ANCHOR = `
UPDATE ${ANCHOR_TABLE} SET era = $3, confirmations = confirmations + 1 WHERE namespace = $1 AND era = $2`;
