import { OUTBOX_TABLE } from '../tables.js';

/** Each figure from the index made for it: the cost does not grow with the published rows that are kept. */
export const STATUS = `
SELECT hydracache_now_ms() AS now_ms,
  (SELECT count(*) FROM ${OUTBOX_TABLE} WHERE namespace = $1 AND state = 'pending') AS pending,
  (SELECT min(created_at_ms) FROM ${OUTBOX_TABLE} WHERE namespace = $1 AND state = 'pending') AS oldest_ms,
  (SELECT count(*) FROM ${OUTBOX_TABLE} WHERE namespace = $1 AND state = 'dead') AS dead,
  (SELECT max(published_at_ms) FROM ${OUTBOX_TABLE} WHERE namespace = $1 AND state = 'published') AS published_ms,
  (SELECT coalesce(sum(attempts), 0) FROM ${OUTBOX_TABLE} WHERE namespace = $1 AND attempts > 0) AS attempts
`;

export const STATUS_FOR_COMMIT = `
SELECT count(*) AS rows,
  count(*) FILTER (WHERE state = 'pending') AS pending,
  count(*) FILTER (WHERE state = 'published') AS published,
  count(*) FILTER (WHERE state = 'dead') AS dead,
  max(applied_pos) AS applied_pos
FROM ${OUTBOX_TABLE} WHERE namespace = $1 AND commit_position = $2
`;
