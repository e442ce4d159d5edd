import { OUTBOX_TABLE } from '../tables.js';
import { TEXT } from './create-outbox.js';
import { COLUMNS, RENEW_ROW } from './enqueue.js';
import { hashSql } from './hash.js';
import { NOW_MS } from './now.js';

const INTENT_DOMAIN = `'hydracache-invalidation-intent-v1'`;

/** Records one intent of a watched table in the transaction of its trigger. */
export const CREATE_RECORD = `
CREATE PROCEDURE hydracache_record(ns varchar(190) ${TEXT}, commit_at varchar(255) ${TEXT}, kind varchar(16) ${TEXT},
  entity mediumtext ${TEXT}, entity_key mediumtext ${TEXT}, collection mediumtext ${TEXT}, why mediumtext ${TEXT})
MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
  DECLARE target varchar(64) ${TEXT} DEFAULT CASE kind
    WHEN 'entity' THEN ${hashSql(INTENT_DOMAIN, `'entity'`, 'entity', 'entity_key')}
    WHEN 'collection' THEN ${hashSql(INTENT_DOMAIN, `'collection'`, 'collection')}
    ELSE ${hashSql(INTENT_DOMAIN, `'flush'`)} END;
  INSERT INTO ${OUTBOX_TABLE} (${COLUMNS})
  VALUES (${hashSql(`'hydracache-outbox-row-id-v1'`, 'ns', 'commit_at', 'target')}, ns, commit_at, target, kind,
    entity_key, NULL, entity, collection, why, NULL, ${NOW_MS}, ${NOW_MS})
  ${RENEW_ROW};
END
`;

/**
 * Called by the triggers of every watched table for each row: triggers see no more than one row here. What one statement
 * changes has one commit position, made of the session and of the time at which the statement began, so a collection is
 * recorded once for all its rows. A statement that changes more rows than the limit records one flush besides: cold, but right.
 */
export const CREATE_INVALIDATE_ROW = `
CREATE PROCEDURE hydracache_invalidate_row(ns varchar(190) ${TEXT}, entity mediumtext ${TEXT}, old_key mediumtext ${TEXT},
  new_key mediumtext ${TEXT}, collections longtext ${TEXT}, most bigint, why mediumtext ${TEXT})
MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
  DECLARE place integer DEFAULT 0;
  DECLARE commit_at varchar(255) ${TEXT};
  DECLARE statement_at varchar(255) ${TEXT};
  SET @hydracache_session = coalesce(@hydracache_session, UUID());
  SET commit_at = CONCAT('my:', @hydracache_session, ':', TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  SET statement_at = CONCAT(commit_at, ' ', why);
  IF CAST(statement_at AS BINARY) <=> CAST(@hydracache_statement AS BINARY) THEN
    SET @hydracache_rows = @hydracache_rows + 1;
  ELSE
    SET @hydracache_statement = statement_at, @hydracache_rows = 1;
  END IF;
  IF @hydracache_rows > most THEN
    CALL hydracache_record(ns, commit_at, 'flush', NULL, NULL, NULL, why);
  ELSEIF coalesce(old_key, new_key) IS NOT NULL THEN
    IF old_key IS NOT NULL THEN
      CALL hydracache_record(ns, commit_at, 'entity', entity, old_key, NULL, why);
    END IF;
    IF new_key IS NOT NULL AND NOT (CAST(new_key AS BINARY) <=> CAST(old_key AS BINARY)) THEN
      CALL hydracache_record(ns, commit_at, 'entity', entity, new_key, NULL, why);
    END IF;
    WHILE place < JSON_LENGTH(collections) DO
      CALL hydracache_record(ns, commit_at, 'collection', NULL, NULL,
        JSON_UNQUOTE(JSON_EXTRACT(collections, CONCAT('$[', place, ']'))), why);
      SET place = place + 1;
    END WHILE;
  END IF;
END
`;
