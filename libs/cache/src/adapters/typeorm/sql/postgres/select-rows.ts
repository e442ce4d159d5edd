import { OUTBOX_TABLE } from '../tables.js';

export const FIND = `SELECT * FROM ${OUTBOX_TABLE} WHERE id = $1`;

export const DEAD_LETTERS = `
SELECT * FROM ${OUTBOX_TABLE} WHERE namespace = $1 AND state = 'dead' ORDER BY created_at_ms, id LIMIT $2
`;

export const REPLAYABLE = `
SELECT * FROM ${OUTBOX_TABLE}
WHERE namespace = $1 AND state = 'published' AND (applied_pos IS NULL OR applied_pos > $2) AND id > $3
ORDER BY id LIMIT $4
`;
