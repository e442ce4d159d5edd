import { AUDIT_TABLE } from '../tables.js';

/**
 * The audit log. Every row is chained by the database itself, whoever inserts it; one writer at a time, so ids ascend in
 * the order of the chain. Should two writers ever continue the same row (a snapshot transaction cannot see the newest), the
 * unique \`prev_hash\` refuses the second.
 */
export const CREATE_AUDIT = `
CREATE TABLE IF NOT EXISTS ${AUDIT_TABLE} (
  id BIGSERIAL PRIMARY KEY,
  pattern TEXT NOT NULL,
  keys JSONB,
  triggered_by TEXT NOT NULL,
  timestamp TIMESTAMPTZ NOT NULL,
  request_id TEXT NOT NULL,
  latency_ms BIGINT,
  created_at TIMESTAMPTZ DEFAULT NOW()
);
ALTER TABLE ${AUDIT_TABLE} ADD COLUMN IF NOT EXISTS namespace TEXT NOT NULL DEFAULT '';
ALTER TABLE ${AUDIT_TABLE} ADD COLUMN IF NOT EXISTS reason TEXT NOT NULL DEFAULT '';
ALTER TABLE ${AUDIT_TABLE} ADD COLUMN IF NOT EXISTS key_count BIGINT;
ALTER TABLE ${AUDIT_TABLE} ADD COLUMN IF NOT EXISTS request_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE ${AUDIT_TABLE} ADD COLUMN IF NOT EXISTS prev_hash TEXT;
ALTER TABLE ${AUDIT_TABLE} ADD COLUMN IF NOT EXISTS hash TEXT;
CREATE UNIQUE INDEX IF NOT EXISTS ${AUDIT_TABLE}_request ON ${AUDIT_TABLE} (namespace, request_id);
CREATE UNIQUE INDEX IF NOT EXISTS ${AUDIT_TABLE}_chain ON ${AUDIT_TABLE} (prev_hash);

-- hashPartsHex of the core, for a list of parts whose number is not known beforehand.
CREATE OR REPLACE FUNCTION hydracache_hash_parts(VARIADIC parts text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT encode(sha256(string_agg(int8send(octet_length(bytes)) || bytes, ''::bytea ORDER BY place)), 'hex')
  FROM (SELECT convert_to(part, 'UTF8') AS bytes, place FROM unnest(parts) WITH ORDINALITY AS p(part, place)) AS encoded
$$;

CREATE OR REPLACE FUNCTION hydracache_audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  key_texts text[];
BEGIN
  PERFORM pg_advisory_xact_lock(TG_RELID::bigint);
  NEW.id := nextval(pg_get_serial_sequence(TG_RELID::regclass::text, 'id'));
  NEW.timestamp := date_trunc('milliseconds', NEW.timestamp);
  NEW.prev_hash := coalesce((SELECT hash FROM ${AUDIT_TABLE} ORDER BY id DESC LIMIT 1), '');
  key_texts := ARRAY(SELECT value FROM jsonb_array_elements_text(coalesce(NEW.keys, '[]')) WITH ORDINALITY AS k(value, place)
    ORDER BY place);
  NEW.hash := hydracache_hash_parts(VARIADIC
    ARRAY['larder-audit-row-v1', NEW.prev_hash, NEW.id::text, NEW.namespace, NEW.pattern, cardinality(key_texts)::text]
    || key_texts
    || ARRAY[NEW.triggered_by, NEW.reason, round(extract(epoch FROM NEW.timestamp) * 1000)::bigint::text, NEW.request_id,
      coalesce(NEW.latency_ms::text, ''), coalesce(NEW.key_count::text, ''), NEW.request_hash]);
  RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION hydracache_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
    USING HINT = 'Rows only ever go with their whole table; see docs/typeorm.md.';
END
$$;

DROP TRIGGER IF EXISTS hydracache_audit_chain ON ${AUDIT_TABLE};
CREATE TRIGGER hydracache_audit_chain BEFORE INSERT ON ${AUDIT_TABLE}
  FOR EACH ROW EXECUTE FUNCTION hydracache_audit_chain();
DROP TRIGGER IF EXISTS hydracache_audit_rows ON ${AUDIT_TABLE};
CREATE TRIGGER hydracache_audit_rows BEFORE UPDATE OR DELETE ON ${AUDIT_TABLE}
  FOR EACH ROW EXECUTE FUNCTION hydracache_audit_refuse();
DROP TRIGGER IF EXISTS hydracache_audit_table ON ${AUDIT_TABLE};
CREATE TRIGGER hydracache_audit_table BEFORE TRUNCATE ON ${AUDIT_TABLE}
  FOR EACH STATEMENT EXECUTE FUNCTION hydracache_audit_refuse();
-- Without ALWAYS they would not fire under session_replication_role = replica.
ALTER TABLE ${AUDIT_TABLE} ENABLE ALWAYS TRIGGER hydracache_audit_chain;
ALTER TABLE ${AUDIT_TABLE} ENABLE ALWAYS TRIGGER hydracache_audit_rows;
ALTER TABLE ${AUDIT_TABLE} ENABLE ALWAYS TRIGGER hydracache_audit_table;
`;
