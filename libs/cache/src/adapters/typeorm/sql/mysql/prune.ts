import { OUTBOX_TABLE } from '../tables.js';
import { BY_ID, BY_PUBLICATION } from './create-outbox.js';
import { NOW_MS } from './now.js';

/** A bounded piece of what is due; several instances may prune at once. */
export const PRUNE = `
DELETE pruned FROM (
  SELECT id FROM ${OUTBOX_TABLE} ${BY_PUBLICATION}
  WHERE namespace = $1 AND state = 'published' AND published_at_ms < ${NOW_MS} - $2
  ORDER BY published_at_ms
  LIMIT $3
  FOR UPDATE SKIP LOCKED
) AS old STRAIGHT_JOIN ${OUTBOX_TABLE} AS pruned ${BY_ID} ON pruned.id = old.id
`;
