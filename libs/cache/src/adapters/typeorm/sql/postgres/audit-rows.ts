import { AUDIT_TABLE } from '../tables.js';

const COLUMNS = `id, namespace, pattern, keys, triggered_by, reason, round(extract(epoch FROM timestamp) * 1000) AS timestamp_ms,
  request_id, latency_ms, key_count, request_hash, prev_hash, hash`;

/** What the database has added comes back; nothing does when the request id is already there. */
export const APPEND_AUDIT = `
INSERT INTO ${AUDIT_TABLE} (namespace, pattern, keys, triggered_by, reason, timestamp, request_id, latency_ms, key_count, request_hash)
VALUES ($1, $2, $3::jsonb, $4, $5, to_timestamp($6::bigint / 1000.0), $7, $8, $9, $10)
ON CONFLICT (namespace, request_id) DO NOTHING
RETURNING id, prev_hash, hash
`;

export const FIND_AUDIT = `SELECT ${COLUMNS} FROM ${AUDIT_TABLE} WHERE namespace = $1 AND request_id = $2`;

/** \`strpos\` takes the text literally, where LIKE would read \`%\` and \`_\`. */
const MATCHING = `($1::text IS NULL OR strpos(pattern, $1) > 0) AND ($2::text IS NULL OR namespace = $2)`;

export const LIST_AUDIT = `
SELECT ${COLUMNS} FROM ${AUDIT_TABLE}
WHERE ${MATCHING} AND ($3::bigint IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4 OFFSET $5
`;

export const COUNT_AUDIT = `SELECT count(*) AS total FROM ${AUDIT_TABLE} WHERE ${MATCHING}`;

export const AUDIT_HEAD = `SELECT id, hash FROM ${AUDIT_TABLE} ORDER BY id DESC LIMIT 1`;

export const AUDIT_CHAIN_PAGE = `SELECT ${COLUMNS} FROM ${AUDIT_TABLE} WHERE id > $1 ORDER BY id LIMIT $2`;
