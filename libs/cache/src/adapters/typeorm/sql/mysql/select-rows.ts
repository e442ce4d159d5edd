import { OUTBOX_TABLE } from '../tables.js';

export const FIND = `SELECT * FROM ${OUTBOX_TABLE} WHERE id = $1`;

export const DEAD_LETTERS = `
SELECT * FROM ${OUTBOX_TABLE}
WHERE namespace = $1 AND state = 'dead' AND created_at_ms >= $3 AND (created_at_ms > $3 OR id > $4)
ORDER BY created_at_ms, id LIMIT $2
`;

const column = (name: string): string => `${name} varchar(255) CHARACTER SET utf8mb4 PATH '$.${name}'`;

/** What a lost part of the log may have held. Preserved positions ($5): their beginning, their end, the last of them. */
export const REPLAYABLE = `
SELECT * FROM ${OUTBOX_TABLE}
WHERE namespace = $1 AND id > $2 AND (
  (state = 'pending' AND claimed_at_ms IS NOT NULL)
  OR (state = 'published' AND (applied_pos IS NULL OR (applied_pos >= $4 AND NOT EXISTS (
    SELECT 1 FROM JSON_TABLE($5, '$[*]' COLUMNS (${['startsWith', 'endsWith', 'upTo'].map(column).join(', ')})) AS preserved
    WHERE LEFT(applied_pos, CHAR_LENGTH(startsWith)) = startsWith COLLATE utf8mb4_bin
      AND RIGHT(applied_pos, CHAR_LENGTH(endsWith)) = endsWith COLLATE utf8mb4_bin
      AND (upTo IS NULL OR applied_pos <= upTo COLLATE utf8mb4_bin))))))
ORDER BY id LIMIT $3
`;
