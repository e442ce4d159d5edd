import { OUTBOX_TABLE } from './tables.js';

/**
 * Which rows a mark may change: with a fence (\`seq\`) a pending row whose claim stands, without one any row that is not
 * published. Published is terminal.
 */
const CHANGEABLE = `
FROM unnest($1::text[], $2::int[]) AS claim(claimed_id, seq)
WHERE id = claimed_id AND state <> 'published' AND (seq IS NULL OR (state = 'pending' AND claim_seq = seq))
`;

export const MARK_PUBLISHED = `
UPDATE ${OUTBOX_TABLE}
SET state = 'published', published_at_ms = hydracache_now_ms(), claimed_at_ms = NULL, claim_owner = NULL,
  last_error = NULL, applied_pos = $3
${CHANGEABLE}
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
