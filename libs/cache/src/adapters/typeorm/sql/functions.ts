/**
 * Functions shared by the outbox and the audit log. The hash is `hashParts` of the core in SQL: every part by its UTF-8
 * length as an unsigned 64-bit big-endian number, then its bytes. Times are those of the database, read afresh.
 */
export const CREATE_FUNCTIONS = `
CREATE OR REPLACE FUNCTION hydracache_hash_parts(VARIADIC parts text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT encode(sha256(string_agg(int8send(octet_length(bytes)) || bytes, ''::bytea ORDER BY place)), 'hex')
  FROM (SELECT convert_to(part, 'UTF8') AS bytes, place FROM unnest(parts) WITH ORDINALITY AS p(part, place)) AS encoded
$$;

CREATE OR REPLACE FUNCTION hydracache_now_ms() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;

-- Transaction ids begin anew in another cluster; with the cluster's own id the position is unique for ever.
CREATE OR REPLACE FUNCTION hydracache_commit_position() RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT 'pg:' || system_identifier || ':' || pg_current_xact_id() FROM pg_control_system()
$$;
`;
