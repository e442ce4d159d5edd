import { OUTBOX_TABLE } from '../tables.js';

export const RESET_DEAD_LETTERS = `
UPDATE ${OUTBOX_TABLE}
SET state = 'pending', available_at_ms = hydracache_now_ms(), claimed_at_ms = NULL, claim_owner = NULL, attempts = 0,
  last_error = NULL
WHERE namespace = $1 AND state = 'dead'
`;

export const RESET_DEAD_LETTERS_BY_ID = `${RESET_DEAD_LETTERS}  AND id = ANY($2)`;
