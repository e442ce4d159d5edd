import { hashSql } from './hash.js';

const INTENT_DOMAIN = `'hydracache-invalidation-intent-v1'`;

/**
 * The trigger function of every watched table: one statement that changes rows records their entities and the table's
 * collections in its own transaction, so that \`psql\`, other services and query builders invalidate too. A statement that
 * changes more rows than the limit, and TRUNCATE, records one flush instead: cold, but right.
 *
 * Arguments: namespace, entity, id column, collections (array text), row limit.
 * It runs with its owner's rights, so that whoever may write the table need not be able to write the outbox.
 */
export const createTriggerFunction = (schema: string): string => `
CREATE OR REPLACE FUNCTION hydracache_invalidate_rows() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = ${schema}, pg_temp AS $$
DECLARE
  changed text;
  changed_keys text[];
  many boolean := TG_OP = 'TRUNCATE';
BEGIN
  IF TG_OP <> 'TRUNCATE' THEN
    changed := CASE TG_OP
      WHEN 'INSERT' THEN format('SELECT %I::text AS key FROM new_rows', TG_ARGV[2])
      WHEN 'DELETE' THEN format('SELECT %I::text AS key FROM old_rows', TG_ARGV[2])
      ELSE format('SELECT %1$I::text AS key FROM old_rows UNION SELECT %1$I::text FROM new_rows', TG_ARGV[2])
    END;
    EXECUTE format('SELECT array_agg(DISTINCT key) FROM (%s LIMIT %s) AS changed WHERE key IS NOT NULL',
      changed, TG_ARGV[4]::bigint + 1) INTO changed_keys;
    IF changed_keys IS NULL THEN RETURN NULL; END IF;
    many := cardinality(changed_keys) > TG_ARGV[4]::bigint;
  END IF;

  PERFORM hydracache_enqueue(TG_ARGV[0], NULL, array_agg(hash), array_agg(kind), array_agg(key), array_agg(NULL::text),
    array_agg(entity), array_agg(collection), array_agg(format('%s on %I', lower(TG_OP), TG_TABLE_NAME)), array_agg(NULL::text))
  FROM (
    SELECT 'flush' AS kind, NULL AS entity, NULL AS key, NULL AS collection, ${hashSql(INTENT_DOMAIN, `'flush'`)} AS hash
    WHERE many
    UNION ALL
    SELECT 'entity', TG_ARGV[1], key, NULL, ${hashSql(INTENT_DOMAIN, `'entity'`, 'TG_ARGV[1]', 'key')}
    FROM unnest(changed_keys) AS key WHERE NOT many
    UNION ALL
    SELECT 'collection', NULL, NULL, name, ${hashSql(INTENT_DOMAIN, `'collection'`, 'name')}
    FROM unnest(TG_ARGV[3]::text[]) AS name WHERE NOT many
  ) AS intent;
  RETURN NULL;
END
$$;
`;
