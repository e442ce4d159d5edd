import { hashSql } from './hash.js';
import { OUTBOX_TABLE } from '../tables.js';

/**
 * Records intents, given column by column, in the transaction it is called in. Without a position the transaction's own is
 * taken: its id, which begins anew in another cluster, behind the id of the cluster. A target that the transaction has
 * recorded already is left as it is.
 *
 * A function of the database, because the database keeps its plan: called as a statement of its own it costs a third.
 *
 * The id of the cluster is read from a file, which costs more than all else here. A cluster keeps it while it runs, and a plan
 * lives in one connection to it, so the function that reads it is declared IMMUTABLE: every connection then reads it once,
 * when it plans, and a connection to a restored or replaced server plans anew. Call it nowhere but in such a plan.
 */
export const CREATE_ENQUEUE = `
CREATE OR REPLACE FUNCTION hydracache_cluster_id() RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT system_identifier::text FROM pg_control_system()
$$;

CREATE OR REPLACE FUNCTION hydracache_enqueue(ns text, given_position text, hashes text[], kinds text[], keys text[],
  tags text[], entities text[], collections text[], reasons text[], payloads text[],
  OUT commit_at text, OUT created_ms bigint, OUT added bigint)
LANGUAGE plpgsql AS $$
BEGIN
  commit_at := given_position;
  IF commit_at IS NULL THEN
    commit_at := 'pg:' || hydracache_cluster_id() || ':' || pg_current_xact_id();
  END IF;
  created_ms := hydracache_now_ms();
  INSERT INTO ${OUTBOX_TABLE} (id, namespace, commit_position, target_hash, intent_kind, cache_key, cache_tag, entity_name,
    collection_name, reason, payload_json, created_at_ms, available_at_ms)
  SELECT ${hashSql(`'hydracache-outbox-row-id-v1'`, 'ns', 'commit_at', 'hash')},
    ns, commit_at, hash, kind, key, tag, entity, collection, reason, payload, created_ms, created_ms
  FROM unnest(hashes, kinds, keys, tags, entities, collections, reasons, payloads) WITH ORDINALITY
    AS intent(hash, kind, key, tag, entity, collection, reason, payload, place)
  ORDER BY place
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS added = ROW_COUNT;
END
$$;
`;
