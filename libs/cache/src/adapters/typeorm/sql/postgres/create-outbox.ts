import { OUTBOX_TABLE } from '../tables.js';

/**
 * The outbox. Workers only ever look at pending rows, so they have an index of their own that stays small however many
 * published rows are kept. Ids are hex text: the "C" collation sorts them as the core does. A claim changes no indexed column;
 * the room left in each page lets it stay on the page of its row.
 */
export const CREATE_OUTBOX = `
CREATE TABLE IF NOT EXISTS ${OUTBOX_TABLE} (
  id text COLLATE "C" PRIMARY KEY,
  namespace text NOT NULL,
  commit_position text NOT NULL,
  target_hash text NOT NULL,
  intent_kind text NOT NULL,
  cache_key text,
  cache_tag text,
  entity_name text,
  collection_name text,
  reason text NOT NULL DEFAULT '',
  payload_json text,
  created_at_ms bigint NOT NULL,
  available_at_ms bigint NOT NULL,
  claimed_at_ms bigint,
  claim_owner text,
  published_at_ms bigint,
  attempts integer NOT NULL DEFAULT 0,
  state text NOT NULL DEFAULT 'pending',
  last_error text,
  claim_seq bigint NOT NULL DEFAULT 0,
  applied_pos text COLLATE "C",
  CONSTRAINT ${OUTBOX_TABLE}_target UNIQUE (namespace, commit_position, target_hash),
  CONSTRAINT ${OUTBOX_TABLE}_state CHECK (state IN ('pending', 'published', 'dead'))
) WITH (fillfactor = 70);
CREATE SEQUENCE IF NOT EXISTS hydracache_claim_seq;
CREATE INDEX IF NOT EXISTS ${OUTBOX_TABLE}_pending
  ON ${OUTBOX_TABLE} (namespace, available_at_ms, created_at_ms, id) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS ${OUTBOX_TABLE}_dead ON ${OUTBOX_TABLE} (namespace, created_at_ms) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS ${OUTBOX_TABLE}_published
  ON ${OUTBOX_TABLE} (namespace, published_at_ms) WHERE state = 'published';
CREATE INDEX IF NOT EXISTS ${OUTBOX_TABLE}_attempts ON ${OUTBOX_TABLE} (namespace, attempts) WHERE attempts > 0;
`;
