import { OUTBOX_TABLE } from '../tables.js';

export const FIND = `SELECT * FROM ${OUTBOX_TABLE} WHERE id = $1`;

export const DEAD_LETTERS = `
SELECT * FROM ${OUTBOX_TABLE}
WHERE namespace = $1 AND state = 'dead' AND created_at_ms >= $3 AND (created_at_ms > $3 OR id > $4)
ORDER BY created_at_ms, id LIMIT $2
`;

/** What a lost part of the log may have held. Preserved positions ($5): their beginning, their end, the last of them. */
export const REPLAYABLE = `
SELECT * FROM ${OUTBOX_TABLE}
WHERE namespace = $1 AND id > $2 AND (
  (state = 'pending' AND claimed_at_ms IS NOT NULL)
  OR (state = 'published' AND (applied_pos IS NULL OR (applied_pos >= $4 AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset($5::jsonb) AS preserved("startsWith" text, "endsWith" text, "upTo" text)
    WHERE left(applied_pos, length("startsWith")) = "startsWith" AND right(applied_pos, length("endsWith")) = "endsWith"
      AND ("upTo" IS NULL OR applied_pos <= "upTo"))))))
ORDER BY id LIMIT $3
`;
