import { OUTBOX_TABLE } from './tables.js';

/**
 * The trigger function of every watched table: one statement that changes rows records their entities and the table's
 * collections in its own transaction, so that \`psql\`, other services and query builders invalidate too. A statement that
 * changes more rows than the limit, and TRUNCATE, records one flush instead: cold, but right.
 *
 * Arguments: namespace, entity, id column, collections (array text), row limit.
 * It runs with its owner's rights, so that whoever may write the table need not be able to write the outbox.
 */
export const createTriggerFunction = (schema: string): string => `
CREATE OR REPLACE FUNCTION hydracache_record(namespace text, kind text, entity text, entity_keys text[], collections text[],
  reason text) RETURNS void LANGUAGE sql VOLATILE AS $$
  WITH write AS MATERIALIZED (
    SELECT hydracache_commit_position() AS position, hydracache_now_ms() AS now_ms
  ), intent AS (
    SELECT 'entity' AS kind, $3 AS entity, key, NULL AS collection,
      hydracache_hash_parts('hydracache-invalidation-intent-v1', 'entity', $3, key) AS target_hash
    FROM unnest($4) AS key WHERE $2 = 'entity'
    UNION ALL
    SELECT 'collection', NULL, NULL, name, hydracache_hash_parts('hydracache-invalidation-intent-v1', 'collection', name)
    FROM unnest($5) AS name WHERE $2 = 'entity'
    UNION ALL
    SELECT 'flush', NULL, NULL, NULL, hydracache_hash_parts('hydracache-invalidation-intent-v1', 'flush') WHERE $2 = 'flush'
  )
  INSERT INTO ${OUTBOX_TABLE} (id, namespace, commit_position, target_hash, intent_kind, cache_key, entity_name,
    collection_name, reason, created_at_ms, available_at_ms)
  SELECT hydracache_hash_parts('hydracache-outbox-row-id-v1', $1, position, target_hash), $1, position, target_hash, intent.kind,
    key, intent.entity, collection, $6, now_ms, now_ms
  FROM write, intent
  ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION hydracache_invalidate_rows() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = ${schema}, pg_temp AS $$
DECLARE
  reason text := format('%s on %I', lower(TG_OP), TG_TABLE_NAME);
  changed text;
  entity_keys text[];
BEGIN
  IF TG_OP <> 'TRUNCATE' THEN
    changed := CASE TG_OP
      WHEN 'INSERT' THEN format('SELECT %I::text AS key FROM new_rows', TG_ARGV[2])
      WHEN 'DELETE' THEN format('SELECT %I::text AS key FROM old_rows', TG_ARGV[2])
      ELSE format('SELECT %1$I::text AS key FROM old_rows UNION SELECT %1$I::text FROM new_rows', TG_ARGV[2])
    END;
    EXECUTE format('SELECT array_agg(DISTINCT key) FROM (%s LIMIT %s) AS changed WHERE key IS NOT NULL', changed, TG_ARGV[4]::bigint + 1)
      INTO entity_keys;
    IF entity_keys IS NULL THEN RETURN NULL; END IF;
  END IF;
  IF TG_OP = 'TRUNCATE' OR cardinality(entity_keys) > TG_ARGV[4]::bigint THEN
    PERFORM hydracache_record(TG_ARGV[0], 'flush', NULL, NULL, NULL, reason);
  ELSE
    PERFORM hydracache_record(TG_ARGV[0], 'entity', TG_ARGV[1], entity_keys, TG_ARGV[3]::text[], reason);
  END IF;
  RETURN NULL;
END
$$;
`;
