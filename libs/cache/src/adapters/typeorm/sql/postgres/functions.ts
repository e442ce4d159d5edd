/** Functions shared by the outbox and the audit log. Times are those of the database, read afresh. */
export const CREATE_FUNCTIONS = `
CREATE OR REPLACE FUNCTION hydracache_now_ms() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;
`;
