import { OUTBOX_TABLE } from './tables.js';

/**
 * Records intents in the transaction it runs in, whatever their number in one statement. Without a position ($2) the
 * transaction's own is taken. A target that the transaction has already recorded is left as it is.
 */
export const ENQUEUE = `
WITH write AS MATERIALIZED (
  SELECT coalesce($2::text, hydracache_commit_position()) AS position, hydracache_now_ms() AS now_ms
), added AS (
  INSERT INTO ${OUTBOX_TABLE} (id, namespace, commit_position, target_hash, intent_kind, cache_key, cache_tag,
    entity_name, collection_name, reason, payload_json, created_at_ms, available_at_ms)
  SELECT hydracache_hash_parts('hydracache-outbox-row-id-v1', $1::text, position, target_hash), $1::text, position,
    target_hash, kind, key, tag, entity, collection, reason, payload, now_ms, now_ms
  FROM write, unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
    WITH ORDINALITY AS intent(target_hash, kind, key, tag, entity, collection, reason, payload, place)
  ORDER BY place
  ON CONFLICT DO NOTHING
  RETURNING 1
)
SELECT position, now_ms, (SELECT count(*) FROM added) AS added FROM write
`;
