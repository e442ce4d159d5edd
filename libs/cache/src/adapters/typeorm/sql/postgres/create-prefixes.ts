import { PREFIX_FENCE_TABLE, PREFIX_ORDER_SEQUENCE, PREFIX_TABLE } from '../tables.js';

/** Writers hold it shared and who takes parts away holds it alone: so no write is under way while a fence is raised. */
const FENCE_LOCK = 4_871_223_002;

/** The fences that concern a scope, as a condition on the table of fences. */
const OF_SCOPE = `(f.kind, f.name) IN (('all', ''), ('principal', principal::text), ('model', model), ('tokenizer', tokenizer))`;

/** What a tier adds to now. */
const windowOf = (tier: string): string =>
  `(CASE ${tier} WHEN '5m' THEN interval '5 minutes' WHEN '1h' THEN interval '1 hour' ELSE interval '24 hours' END)`;

/** Milliseconds left of a life. */
const leftOf = (expires: string): string => `(extract(epoch FROM ${expires} - now()) * 1000)::float8`;

/**
 * The index, with the columns of its seed and \`seq\`: it orders the writes of a row, and tells whether one came before or
 * after a fence. Fences and writes draw from one sequence. What is below a fence is not seen and not refreshed, also while
 * its deletion is under way.
 *
 * Reading and writing are functions of the database because the database keeps their plans, and because a write must look at
 * the fences after it has the lock, which one statement with one snapshot could not.
 */
export const CREATE_PREFIXES = `
CREATE SEQUENCE IF NOT EXISTS ${PREFIX_ORDER_SEQUENCE};
CREATE TABLE IF NOT EXISTS ${PREFIX_TABLE} (
  id bigserial PRIMARY KEY,
  principal_id uuid NOT NULL,
  virtual_model text NOT NULL,
  tokenizer_version text NOT NULL,
  prefix_hash bytea NOT NULL,
  cumulative_token_count integer NOT NULL,
  ttl_tier text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  seq bigint NOT NULL DEFAULT nextval('${PREFIX_ORDER_SEQUENCE}'),
  CONSTRAINT ${PREFIX_TABLE}_tier CHECK (ttl_tier IN ('5m', '1h', '24h')),
  CONSTRAINT ${PREFIX_TABLE}_scope UNIQUE (principal_id, virtual_model, tokenizer_version, prefix_hash)
);
CREATE INDEX IF NOT EXISTS ${PREFIX_TABLE}_expiry ON ${PREFIX_TABLE} (expires_at);
CREATE TABLE IF NOT EXISTS ${PREFIX_FENCE_TABLE} (
  kind text NOT NULL,
  name text NOT NULL,
  seq bigint NOT NULL,
  raised_at timestamptz NOT NULL,
  PRIMARY KEY (kind, name)
);

CREATE OR REPLACE FUNCTION prompt_cache_lookup(principal uuid, model text, tokenizer text, hashes bytea[])
RETURNS TABLE (fence bigint, hash bytea, tokens integer, tier text, expires timestamptz, left_ms float8, written bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY
    SELECT top.fence, e.prefix_hash, e.cumulative_token_count, e.ttl_tier, e.expires_at, ${leftOf('e.expires_at')}, e.seq
    FROM (SELECT coalesce(max(f.seq), 0) AS fence FROM ${PREFIX_FENCE_TABLE} f WHERE ${OF_SCOPE}) top
    LEFT JOIN ${PREFIX_TABLE} e ON e.principal_id = principal AND e.virtual_model = model AND e.tokenizer_version = tokenizer
      AND e.prefix_hash = ANY (hashes) AND e.expires_at > now() AND e.seq > top.fence;
END
$$;

CREATE OR REPLACE FUNCTION prompt_cache_write(principal uuid, model text, tokenizer text, hash bytea, tokens integer, tier text,
  expires timestamptz, begun_at_fence bigint, begun_ago_ms float8)
RETURNS TABLE (fence bigint, stands timestamptz, left_ms float8, written bigint)
LANGUAGE plpgsql AS $$
DECLARE
  last_raised timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(${FENCE_LOCK});
  SELECT coalesce(max(f.seq), 0), max(f.raised_at) INTO fence, last_raised FROM ${PREFIX_FENCE_TABLE} f WHERE ${OF_SCOPE};
  IF begun_at_fence < fence OR last_raised > statement_timestamp() - begun_ago_ms * interval '1 millisecond' THEN
    RETURN;
  END IF;
  INSERT INTO ${PREFIX_TABLE} AS e
    (principal_id, virtual_model, tokenizer_version, prefix_hash, cumulative_token_count, ttl_tier, expires_at)
  VALUES (principal, model, tokenizer, hash, tokens, tier, coalesce(expires, clock_timestamp() + ${windowOf('tier')}))
  ON CONFLICT ON CONSTRAINT ${PREFIX_TABLE}_scope DO UPDATE SET
    cumulative_token_count = excluded.cumulative_token_count, ttl_tier = excluded.ttl_tier, expires_at = excluded.expires_at,
    seq = nextval('${PREFIX_ORDER_SEQUENCE}')
  RETURNING e.expires_at, ${leftOf('e.expires_at')}, e.seq INTO stands, left_ms, written;
  RETURN NEXT;
END
$$;

CREATE OR REPLACE FUNCTION prompt_cache_fence(kinds text[], names text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  fence bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(${FENCE_LOCK});
  fence := nextval('${PREFIX_ORDER_SEQUENCE}');
  INSERT INTO ${PREFIX_FENCE_TABLE} AS f (kind, name, seq, raised_at)
  SELECT DISTINCT p.kind, p.name, fence, clock_timestamp() FROM unnest(kinds, names) AS p(kind, name)
  ON CONFLICT (kind, name) DO UPDATE SET seq = excluded.seq, raised_at = excluded.raised_at;
  RETURN fence;
END
$$;
`;

export const DROP_PREFIXES = `
DROP FUNCTION IF EXISTS prompt_cache_lookup, prompt_cache_write, prompt_cache_fence;
DROP TABLE IF EXISTS ${PREFIX_TABLE}, ${PREFIX_FENCE_TABLE};
DROP SEQUENCE IF EXISTS ${PREFIX_ORDER_SEQUENCE};
`;

export const LOOKUP_PREFIXES = 'SELECT * FROM prompt_cache_lookup($1, $2, $3, $4)';

export const WRITE_PREFIX = 'SELECT * FROM prompt_cache_write($1, $2, $3, $4, $5, $6, $7, $8, $9)';

/**
 * Forward only, live entries only. Rows are locked in the order of their ids, so that two batches that name the same never
 * wait for each other; a row that changed meanwhile is judged anew.
 */
export const REFRESH_PREFIXES = `
WITH due AS (
  SELECT e.id, n.place, top.fence,
    GREATEST(e.expires_at, n.at, now() - n.ago * interval '1 millisecond' + ${windowOf('e.ttl_tier')}) AS at
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[], $6::float8[])
    WITH ORDINALITY AS n(principal, model, tokenizer, hash, at, ago, place)
  JOIN ${PREFIX_TABLE} e ON e.principal_id = n.principal AND e.virtual_model = n.model AND e.tokenizer_version = n.tokenizer
    AND e.prefix_hash = n.hash
  CROSS JOIN LATERAL (SELECT coalesce(max(f.seq), 0) AS fence FROM ${PREFIX_FENCE_TABLE} f WHERE ${OF_SCOPE}) top
  WHERE e.expires_at > now() AND e.seq > top.fence
  ORDER BY e.id
  FOR UPDATE OF e
)
UPDATE ${PREFIX_TABLE} e SET expires_at = due.at FROM due WHERE e.id = due.id
RETURNING due.place::int AS place, due.fence, e.cumulative_token_count AS tokens, e.ttl_tier AS tier, e.expires_at AS expires,
  ${leftOf('e.expires_at')} AS left_ms, e.seq AS written
`;

export const RAISE_FENCE = 'SELECT prompt_cache_fence($1, $2) AS fence';

const OF_PART = {
  all: '$2::text IS NOT NULL',
  principal: 'principal_id = $2::uuid',
  model: 'virtual_model = $2',
  tokenizer: 'tokenizer_version = $2',
} as const;

export type PartKind = keyof typeof OF_PART;

/** Deletes what stands below a fence of a part: $1 fence, $2 name. Returns how many of it were live. */
export const deletePart = (kind: PartKind): string => `
WITH gone AS (DELETE FROM ${PREFIX_TABLE} WHERE seq < $1 AND ${OF_PART[kind]} RETURNING expires_at)
SELECT count(*) FILTER (WHERE expires_at > now())::int AS live FROM gone
`;

/** Fences that nothing can have begun before any more: $1 age in ms, $2 limit. */
export const OLD_FENCES = `
SELECT kind, name, seq FROM ${PREFIX_FENCE_TABLE} WHERE raised_at < now() - $1::float8 * interval '1 millisecond' LIMIT $2
`;

export const FORGET_FENCE = `DELETE FROM ${PREFIX_FENCE_TABLE} WHERE kind = $1 AND name = $2 AND seq = $3`;

/** $1 grace in ms, $2 limit. A bounded piece; several instances may sweep at once. */
export const SWEEP_PREFIXES = `
DELETE FROM ${PREFIX_TABLE} WHERE id = ANY (ARRAY(
  SELECT id FROM ${PREFIX_TABLE} WHERE expires_at < now() - $1::float8 * interval '1 millisecond'
  ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
)) RETURNING id
`;
