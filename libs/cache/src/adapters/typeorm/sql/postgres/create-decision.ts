import { DECISION_FENCE_TABLE, DECISION_PAST_TABLE, DECISION_TABLE } from '../tables.js';

/** What lets a fence hit a decision; \`f\` is the fence, \`d\` the decision. A pattern is judged by what all its matches begin with. */
export const FENCE_HITS = `(
  (f.kind = 'key' AND f.value = d.veri_key)
  OR (f.kind = 'policy' AND f.value = d.policy_hash)
  OR (f.kind = 'signers' AND f.value = d.signer_set_hash)
  OR (f.kind = 'epoch' AND d.epoch_key < f.epoch_key)
  OR (f.kind = 'pattern' AND starts_with(d.veri_key, f.prefix))
  OR f.kind = 'floor')`;

/**
 * The durable tier of the decision cache. Texts are compared by bytes (\`COLLATE "C"\`), so that what the database finds by
 * prefix and in order is what the matcher means; \`epoch_key\` has the order of feed epochs (\`feedEpochBytes\`).
 *
 * Writes share a lock that a fence takes alone. So a fence waits for the writes under way, which are then there to be
 * removed, and writes that come later see it: their statement begins, and takes its snapshot, behind the lock, which is why
 * both are functions.
 */
export const CREATE_DECISION = `
CREATE TABLE IF NOT EXISTS ${DECISION_TABLE} (
  namespace text COLLATE "C" NOT NULL,
  veri_key text COLLATE "C" NOT NULL,
  policy_hash text COLLATE "C" NOT NULL,
  signer_set_hash text COLLATE "C" NOT NULL,
  feed_epoch text COLLATE "C" NOT NULL,
  epoch_key bytea NOT NULL,
  input_digests jsonb,
  decision bytea NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  version bigint NOT NULL,
  replaces bigint,
  fence bigint NOT NULL,
  PRIMARY KEY (namespace, veri_key)
);
CREATE INDEX IF NOT EXISTS ${DECISION_TABLE}_policy ON ${DECISION_TABLE} (namespace, policy_hash);
CREATE INDEX IF NOT EXISTS ${DECISION_TABLE}_signers ON ${DECISION_TABLE} (namespace, signer_set_hash);
CREATE INDEX IF NOT EXISTS ${DECISION_TABLE}_epoch ON ${DECISION_TABLE} (namespace, epoch_key);
CREATE INDEX IF NOT EXISTS ${DECISION_TABLE}_expiry ON ${DECISION_TABLE} (namespace, expires_at);

CREATE TABLE IF NOT EXISTS ${DECISION_FENCE_TABLE} (
  namespace text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  kind text NOT NULL,
  value text COLLATE "C" NOT NULL,
  under text COLLATE "C" NOT NULL,
  prefix text COLLATE "C",
  epoch_key bytea,
  request_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (namespace, seq)
);

CREATE TABLE IF NOT EXISTS ${DECISION_PAST_TABLE} (
  namespace text COLLATE "C" NOT NULL,
  veri_key text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  policy_hash text COLLATE "C" NOT NULL,
  signer_set_hash text COLLATE "C" NOT NULL,
  feed_epoch text COLLATE "C" NOT NULL,
  epoch_key bytea NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  fence bigint NOT NULL,
  written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (namespace, veri_key, version)
);
CREATE INDEX IF NOT EXISTS ${DECISION_PAST_TABLE}_age ON ${DECISION_PAST_TABLE} (namespace, written_at);

CREATE SEQUENCE IF NOT EXISTS ${DECISION_TABLE}_version_seq;
CREATE SEQUENCE IF NOT EXISTS ${DECISION_FENCE_TABLE}_seq;

CREATE OR REPLACE FUNCTION larder_decision_lock(ns text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT hashtextextended('larder decisions ' || ns, 0)
$$;

CREATE OR REPLACE FUNCTION larder_decision_announce(
  ns text, fence_kind text, fence_value text, fence_under text, fence_prefix text, fence_epoch bytea, request text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  place bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(larder_decision_lock(ns));
  INSERT INTO ${DECISION_FENCE_TABLE} (namespace, seq, kind, value, under, prefix, epoch_key, request_id)
  VALUES (ns, nextval('${DECISION_FENCE_TABLE}_seq'), fence_kind, fence_value, fence_under, fence_prefix, fence_epoch, request)
  RETURNING seq INTO place;
  RETURN place;
END
$$;

-- Fences and versions of the marks are -1 where a write is outright.
CREATE OR REPLACE FUNCTION larder_decision_write(
  ns text, keys text[], policies text[], signers text[], epochs text[], epoch_keys bytea[], digests text[],
  decisions bytea[], created bigint[], expires bigint[], fences bigint[], versions bigint[]
) RETURNS TABLE (veri_key text, version bigint, remaining_ms bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  fence_now bigint;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(larder_decision_lock(ns));
  SELECT coalesce(max(f.seq), 0) INTO fence_now FROM ${DECISION_FENCE_TABLE} f WHERE f.namespace = ns;
  RETURN QUERY
  WITH written AS (
    INSERT INTO ${DECISION_TABLE} AS kept (namespace, veri_key, policy_hash, signer_set_hash, feed_epoch, epoch_key,
      input_digests, decision, created_at, expires_at, version, replaces, fence)
    SELECT ns, d.veri_key, d.policy_hash, d.signer_set_hash, d.feed_epoch, d.epoch_key, d.digests::jsonb, d.decision,
      to_timestamp(d.created / 1000.0), to_timestamp(d.expires / 1000.0),
      nextval('${DECISION_TABLE}_version_seq'), nullif(d.version, -1), CASE WHEN d.fence < 0 THEN fence_now ELSE d.fence END
    FROM (
      SELECT * FROM unnest(keys, policies, signers, epochs, epoch_keys, digests, decisions, created, expires, fences, versions)
        AS given (veri_key, policy_hash, signer_set_hash, feed_epoch, epoch_key, digests, decision, created, expires, fence, version)
      ORDER BY given.veri_key COLLATE "C" -- two batches wait for each other in one order
    ) AS d
    WHERE d.fence < 0 OR NOT EXISTS (
      SELECT FROM ${DECISION_FENCE_TABLE} f WHERE f.namespace = ns AND f.seq > d.fence AND ${FENCE_HITS})
    ON CONFLICT (namespace, veri_key) DO UPDATE SET policy_hash = excluded.policy_hash,
      signer_set_hash = excluded.signer_set_hash, feed_epoch = excluded.feed_epoch, epoch_key = excluded.epoch_key,
      input_digests = excluded.input_digests, decision = excluded.decision, created_at = excluded.created_at,
      expires_at = excluded.expires_at, replaces = excluded.replaces, fence = excluded.fence,
      version = nextval('${DECISION_TABLE}_version_seq') -- drawn behind the row's lock, so that versions of a key ascend
    WHERE excluded.replaces IS NULL OR kept.version = excluded.replaces
    RETURNING kept.veri_key, kept.policy_hash, kept.signer_set_hash, kept.feed_epoch, kept.epoch_key, kept.created_at,
      kept.expires_at, kept.version, kept.fence
  ), noted AS (
    INSERT INTO ${DECISION_PAST_TABLE} (namespace, veri_key, version, policy_hash, signer_set_hash, feed_epoch, epoch_key,
      created_at, expires_at, fence)
    SELECT ns, w.veri_key, w.version, w.policy_hash, w.signer_set_hash, w.feed_epoch, w.epoch_key, w.created_at,
      w.expires_at, w.fence
    FROM written w
  )
  SELECT w.veri_key, w.version, round(extract(epoch FROM w.expires_at - clock_timestamp()) * 1000)::bigint FROM written w;
END
$$;
`;

/** Takes all of it away again. */
export const DROP_DECISION = `
DROP FUNCTION IF EXISTS larder_decision_write, larder_decision_announce, larder_decision_lock;
DROP TABLE IF EXISTS ${DECISION_TABLE}, ${DECISION_FENCE_TABLE}, ${DECISION_PAST_TABLE};
DROP SEQUENCE IF EXISTS ${DECISION_TABLE}_version_seq, ${DECISION_FENCE_TABLE}_seq;
`;
