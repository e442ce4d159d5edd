import { OUTBOX_TABLE } from '../tables.js';
import { BY_STATE } from './create-outbox.js';
import { NOW_MS } from './now.js';

export const RESET_DEAD_LETTERS = `
UPDATE ${OUTBOX_TABLE} ${BY_STATE}
SET state = 'pending', available_at_ms = ${NOW_MS}, claimed_at_ms = NULL, claim_owner = NULL, attempts = 0, last_error = NULL
WHERE namespace = $1 AND state = 'dead'
`;

export const RESET_DEAD_LETTERS_BY_ID = `${RESET_DEAD_LETTERS}  AND id IN ($2)`;
