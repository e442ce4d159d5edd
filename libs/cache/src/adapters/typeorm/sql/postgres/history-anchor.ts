import { ANCHOR_TABLE } from '../tables.js';

/** One row per namespace, changed in place all day: the room left in its page is for that. */
export const CREATE_ANCHOR = `
CREATE TABLE IF NOT EXISTS ${ANCHOR_TABLE} (
  namespace text PRIMARY KEY,
  era text COLLATE "C" NOT NULL,
  confirmations bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 50)`;

export const READ_ANCHOR = `SELECT era, confirmations FROM ${ANCHOR_TABLE} WHERE namespace = $1`;

export const FIRST_ANCHOR = `
INSERT INTO ${ANCHOR_TABLE} (namespace, era) VALUES ($1, $2) ON CONFLICT (namespace) DO NOTHING RETURNING era`;

export const RAISE_ANCHOR = `
UPDATE ${ANCHOR_TABLE} SET era = $3, confirmations = confirmations + 1 WHERE namespace = $1 AND era = $2`;
