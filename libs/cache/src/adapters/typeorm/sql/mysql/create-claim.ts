import { OUTBOX_TABLE } from '../tables.js';
import { BY_COMMIT, BY_ID, BY_STATE, TEXT } from './create-outbox.js';
import { NOW_MS } from './now.js';

/** The rows whose ids a JSON list holds: an UPDATE here cannot return what it has changed. */
const DUE = `JSON_TABLE(due, '$[*]' COLUMNS (id varchar(64) CHARACTER SET utf8mb4 PATH '$')) AS chosen
  STRAIGHT_JOIN ${OUTBOX_TABLE} AS claimed ${BY_ID} ON claimed.id = chosen.id COLLATE utf8mb4_bin`;

const due = (index: string, also = ''): string => `
    SELECT JSON_ARRAYAGG(id) INTO due FROM (
      SELECT id FROM ${OUTBOX_TABLE} ${index}
      WHERE namespace = ns ${also} AND state = 'pending' AND available_at_ms <= now_ms
        AND (claimed_at_ms IS NULL OR claimed_at_ms + ttl_ms <= now_ms)
      ORDER BY available_at_ms, created_at_ms, id LIMIT most FOR UPDATE SKIP LOCKED
    ) AS locked;`;

/**
 * Leases due rows, of a whole namespace or of one commit. Rows that another worker is claiming at this moment are passed over,
 * so workers never wait for each other. A row's fence is the number of times it has been claimed.
 *
 * One call, so that a worker that is paused cannot hold the locks; READ COMMITTED, so that writers can add rows between those
 * that are locked.
 */
export const CREATE_CLAIM = `
CREATE PROCEDURE hydracache_claim(ns varchar(190) ${TEXT}, owner varchar(255) ${TEXT}, most bigint, ttl_ms bigint,
  commit_at varchar(255) ${TEXT})
MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
  DECLARE now_ms bigint DEFAULT ${NOW_MS};
  DECLARE due longtext ${TEXT};
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
  START TRANSACTION;
  IF commit_at IS NULL THEN${due(BY_STATE)}
  ELSE${due(BY_COMMIT, 'AND commit_position = commit_at')}
  END IF;
  UPDATE ${DUE} SET claimed_at_ms = now_ms, claim_owner = owner, claim_seq = claim_seq + 1;
  SELECT claimed.* FROM ${DUE};
  COMMIT;
END
`;
