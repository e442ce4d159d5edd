import { OUTBOX_TABLE } from './tables.js';

/**
 * Leases due rows, all of a namespace or those of one commit ($5). Rows that another worker is claiming at this moment are
 * passed over, so workers never wait for each other. All rows of one claim have one fence, so that one statement can mark them.
 */
export const CLAIM = `
WITH claim AS MATERIALIZED (SELECT hydracache_now_ms() AS now_ms, nextval('hydracache_claim_seq') AS seq)
UPDATE ${OUTBOX_TABLE}
SET claimed_at_ms = (SELECT now_ms FROM claim), claim_owner = $2, claim_seq = (SELECT seq FROM claim)
WHERE id = ANY (ARRAY(
  SELECT id FROM ${OUTBOX_TABLE}
  WHERE namespace = $1 AND state = 'pending'
    AND ($5::text IS NULL OR commit_position = $5)
    AND available_at_ms <= (SELECT now_ms FROM claim)
    AND (claimed_at_ms IS NULL OR claimed_at_ms + $4::bigint <= (SELECT now_ms FROM claim))
  ORDER BY available_at_ms, created_at_ms, id
  LIMIT $3
  FOR UPDATE SKIP LOCKED
))
RETURNING *
`;
