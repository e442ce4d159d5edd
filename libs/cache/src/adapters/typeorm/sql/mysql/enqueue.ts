import { OUTBOX_TABLE } from '../tables.js';
import { NOW_MS } from './now.js';

export const COLUMNS = `id, namespace, commit_position, target_hash, intent_kind, cache_key, cache_tag, entity_name,
  collection_name, reason, payload_json, created_at_ms, available_at_ms`;

/**
 * Makes a row that is already there new: pending, due, and void for whoever has claimed it. Where the database does not tell
 * transactions apart, a position may be met again by a later one (after a statement that commits implicitly, say), and its
 * invalidation must not be lost to a row that is published already.
 */
export const RENEW_ROW = `
ON DUPLICATE KEY UPDATE state = 'pending', available_at_ms = ${NOW_MS}, claim_seq = claim_seq + 1, claimed_at_ms = NULL,
  claim_owner = NULL, published_at_ms = NULL, attempts = 0, last_error = NULL, applied_pos = NULL`;

const values = (rows: number): string =>
  Array.from({ length: rows }, (_, row) => {
    const columns = Array.from({ length: 11 }, (__, column) => `$${row * 11 + column + 1}`);
    return `(${columns.join(', ')}, ${NOW_MS}, ${NOW_MS})`;
  }).join(',\n');

/** Records rows in the transaction it runs in, in one statement: eleven parameters each, in the order of the columns. */
export const enqueue = (rows: number): string =>
  `INSERT INTO ${OUTBOX_TABLE} (${COLUMNS}) VALUES ${values(rows)} ${RENEW_ROW}`;

/** The same for a position that the caller has given: whatever is recorded under it already stays as it is. */
export const enqueueOnce = (rows: number): string =>
  `INSERT IGNORE INTO ${OUTBOX_TABLE} (${COLUMNS}) VALUES ${values(rows)}`;
