import { OUTBOX_TABLE } from '../tables.js';

/**
 * Leases due rows, of a whole namespace or of one commit. Rows that another worker is claiming at this moment are passed over,
 * so workers never wait for each other. All rows of one claim have one fence, so that one statement can mark them.
 *
 * Claiming and publishing are functions of the database because the database keeps their plans: at one row per batch that is
 * a third of their cost.
 */
export const CREATE_CLAIM = `
CREATE OR REPLACE FUNCTION hydracache_claim(ns text, owner text, most integer, ttl_ms bigint, commit_at text)
RETURNS TABLE (id text, namespace text, commit_position text, target_hash text, intent_kind text, cache_key text,
  cache_tag text, entity_name text, collection_name text, reason text, payload_json text, created_at_ms bigint,
  available_at_ms bigint, claimed_at_ms bigint, claim_owner text, published_at_ms bigint, attempts integer, state text,
  last_error text, claim_seq bigint, applied_pos text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  now_ms bigint := hydracache_now_ms();
  fence bigint := nextval('hydracache_claim_seq');
  due text[];
BEGIN
  IF commit_at IS NULL THEN
    due := ARRAY(
      SELECT id FROM ${OUTBOX_TABLE}
      WHERE namespace = ns AND state = 'pending' AND available_at_ms <= now_ms
        AND (claimed_at_ms IS NULL OR claimed_at_ms + ttl_ms <= now_ms)
      ORDER BY available_at_ms, created_at_ms, id LIMIT most FOR UPDATE SKIP LOCKED);
  ELSE
    due := ARRAY(
      SELECT id FROM ${OUTBOX_TABLE}
      WHERE namespace = ns AND commit_position = commit_at AND state = 'pending' AND available_at_ms <= now_ms
        AND (claimed_at_ms IS NULL OR claimed_at_ms + ttl_ms <= now_ms)
      ORDER BY available_at_ms, created_at_ms, id LIMIT most FOR UPDATE SKIP LOCKED);
  END IF;
  RETURN QUERY UPDATE ${OUTBOX_TABLE} AS claimed
    SET claimed_at_ms = now_ms, claim_owner = owner, claim_seq = fence
    WHERE claimed.id = ANY (due)
    RETURNING claimed.id, claimed.namespace, claimed.commit_position, claimed.target_hash, claimed.intent_kind,
      claimed.cache_key, claimed.cache_tag, claimed.entity_name, claimed.collection_name, claimed.reason,
      claimed.payload_json, claimed.created_at_ms, claimed.available_at_ms, claimed.claimed_at_ms, claimed.claim_owner,
      claimed.published_at_ms, claimed.attempts, claimed.state, claimed.last_error, claimed.claim_seq, claimed.applied_pos;
END
$$;
`;

/** Marks rows published: with a fence pending rows whose claim stands, without one all that are not published already. */
export const CREATE_PUBLISH = `
CREATE OR REPLACE FUNCTION hydracache_publish(ids text[], fence bigint, position_in_log text, OUT published bigint)
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ${OUTBOX_TABLE}
  SET state = 'published', published_at_ms = hydracache_now_ms(), claimed_at_ms = NULL, claim_owner = NULL,
    last_error = NULL, applied_pos = position_in_log
  WHERE id = ANY (ids) AND state <> 'published' AND (fence IS NULL OR (state = 'pending' AND claim_seq = fence));
  GET DIAGNOSTICS published = ROW_COUNT;
END
$$;
`;
