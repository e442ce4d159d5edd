import { OUTBOX_TABLE } from '../tables.js';

/**
 * Which rows ($1) a mark may change: with a fence ($2) pending rows whose claim stands, without one all that are not
 * published. Published is terminal. The sub-select keeps the planner from reading the table where many rows are named.
 */
const CHANGEABLE = `
WHERE id = ANY (ARRAY(SELECT unnest($1::text[]))) AND state <> 'published'
  AND ($2::bigint IS NULL OR (state = 'pending' AND claim_seq = $2))
`;

/** Called for every batch: see `create-claim.ts`. */
export const PUBLISH = `SELECT published FROM hydracache_publish($1, $2, $3)`;

export const MARK_REPLAYED = `
UPDATE ${OUTBOX_TABLE} SET applied_pos = $2 WHERE id = ANY (ARRAY(SELECT unnest($1::text[]))) AND state = 'published'
`;

export const MARK_FAILED = `
UPDATE ${OUTBOX_TABLE}
SET attempts = attempts + 1, last_error = $3, claimed_at_ms = NULL, claim_owner = NULL,
  state = CASE WHEN $5::boolean THEN 'dead' ELSE 'pending' END,
  available_at_ms = CASE WHEN $5::boolean THEN available_at_ms ELSE hydracache_now_ms() + $4::bigint END
${CHANGEABLE}
`;

export const RELEASE = `
UPDATE ${OUTBOX_TABLE}
SET claimed_at_ms = NULL, claim_owner = NULL,
  available_at_ms = CASE WHEN $3::bigint > 0 THEN hydracache_now_ms() + $3::bigint ELSE available_at_ms END
${CHANGEABLE}
`;

export const RENEW = `
UPDATE ${OUTBOX_TABLE}
SET claimed_at_ms = hydracache_now_ms()
${CHANGEABLE} AND claimed_at_ms IS NOT NULL
RETURNING id
`;
