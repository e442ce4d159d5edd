import { OUTBOX_TABLE } from '../tables.js';

/** A bounded piece of what is due; several instances may prune at once. */
export const PRUNE = `
DELETE FROM ${OUTBOX_TABLE} WHERE id = ANY (ARRAY(
  SELECT id FROM ${OUTBOX_TABLE}
  WHERE namespace = $1 AND state = 'published' AND published_at_ms < hydracache_now_ms() - $2::bigint
  ORDER BY published_at_ms
  LIMIT $3
  FOR UPDATE SKIP LOCKED
))
`;
