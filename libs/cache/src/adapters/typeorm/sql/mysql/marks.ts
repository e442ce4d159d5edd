import { OUTBOX_TABLE } from '../tables.js';
import { BY_ID } from './create-outbox.js';
import { NOW_MS } from './now.js';

/**
 * Which rows ($1) a mark may change: with a fence ($2) pending rows whose claim stands, without one all that are not
 * published. Published is terminal.
 */
const CHANGEABLE = `
WHERE id IN ($1) AND state <> 'published' AND ($2 IS NULL OR (state = 'pending' AND claim_seq = $2))
`;

export const PUBLISH = `
UPDATE ${OUTBOX_TABLE} ${BY_ID}
SET state = 'published', published_at_ms = ${NOW_MS}, claimed_at_ms = NULL, claim_owner = NULL, last_error = NULL,
  applied_pos = $3
${CHANGEABLE}
`;

export const MARK_REPLAYED = `
UPDATE ${OUTBOX_TABLE} ${BY_ID} SET applied_pos = $2 WHERE id IN ($1) AND state = 'published'
`;

export const MARK_FAILED = `
UPDATE ${OUTBOX_TABLE} ${BY_ID}
SET attempts = attempts + 1, last_error = $3, claimed_at_ms = NULL, claim_owner = NULL,
  available_at_ms = IF($5, available_at_ms, ${NOW_MS} + $4), state = IF($5, 'dead', 'pending')
${CHANGEABLE}
`;

export const RELEASE = `
UPDATE ${OUTBOX_TABLE} ${BY_ID}
SET claimed_at_ms = NULL, claim_owner = NULL, available_at_ms = IF($3 > 0, ${NOW_MS} + $3, available_at_ms)
${CHANGEABLE}
`;

export const RENEW = `
UPDATE ${OUTBOX_TABLE} ${BY_ID}
SET claimed_at_ms = ${NOW_MS}
${CHANGEABLE} AND claimed_at_ms IS NOT NULL
`;

/** The rows whose claim stands, after it was renewed. */
export const HELD = `SELECT id FROM ${OUTBOX_TABLE} ${CHANGEABLE} AND claimed_at_ms IS NOT NULL`;
