import type { DecisionRemoval } from '../../../../core/decision/decision-removal.js';
import { DECISION_FENCE_TABLE, DECISION_PAST_TABLE, DECISION_TABLE } from '../tables.js';
import { FENCE_HITS } from './create-decision.js';

const FENCE_NOW = `(SELECT coalesce(max(seq), 0) FROM ${DECISION_FENCE_TABLE} WHERE namespace = $1)`;

const milliseconds = (instant: string): string => `round(extract(epoch FROM ${instant}) * 1000)::bigint`;

/** namespace, key. Always one row; without a version where nothing is kept. */
export const FIND_DECISION = `
SELECT ${FENCE_NOW} AS fence_now, ${milliseconds('clock_timestamp()')} AS store_time, d.version, d.decision, d.policy_hash,
  d.signer_set_hash, d.feed_epoch, d.input_digests, ${milliseconds('d.created_at')} AS created,
  ${milliseconds('d.expires_at')} AS expires
FROM (SELECT) AS always LEFT JOIN ${DECISION_TABLE} d ON d.namespace = $1 AND d.veri_key = $2`;

export const WRITE_DECISIONS = `
SELECT veri_key, version, remaining_ms FROM larder_decision_write($1, $2::text[], $3::text[], $4::text[], $5::text[],
  $6::bytea[], $7::text[], $8::bytea[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])`;

export const ANNOUNCE = 'SELECT larder_decision_announce($1, $2, $3, $4, $5, $6, $7) AS fence';

/** So many rows go in one statement; a transaction that deletes without end would hold back the rest of the database. */
const REMOVED_AT_ONCE = 20_000;
export const KEYS_SHOWN = 100;

/** How a removal finds its rows by an index: namespace, fence, value. */
export interface IndexedRemoval {
  /** Whether there are more rows than go at once, and some of their keys. */
  readonly look: string;
  /** All of them. Nothing comes back: with RETURNING it would take twice as long. */
  readonly all: string;
  /** As many as go at once; the way around makes it slower than a plain DELETE, so it is for many rows alone. */
  readonly part: string;
}

/** The value is the key, the hash, the bytes of the epoch, or a LIKE pattern of escaped text. */
export const REMOVAL_BY: Readonly<Record<DecisionRemoval['kind'], IndexedRemoval>> = {
  key: indexed('veri_key = $3'),
  policy: indexed('policy_hash = $3'),
  signers: indexed('signer_set_hash = $3'),
  epoch: indexed('epoch_key < $3'),
  pattern: indexed(`veri_key LIKE $3 ESCAPE '\\'`),
};

/** namespace, fence, keys */
export const REMOVE_KEYS = `DELETE FROM ${DECISION_TABLE} WHERE namespace = $1 AND fence < $2 AND veri_key = ANY ($3::text[])`;

/** namespace, fence, a LIKE pattern, after this key, limit: the keys to be judged, a page of the primary key. */
export const WALK_KEYS = `
SELECT veri_key FROM ${DECISION_TABLE}
WHERE namespace = $1 AND fence < $2 AND veri_key LIKE $3 ESCAPE '\\' AND veri_key > $4
ORDER BY veri_key LIMIT $5`;

/** namespace, limit */
export const PRUNE_DECISIONS = `
DELETE FROM ${DECISION_TABLE} WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM ${DECISION_TABLE} WHERE namespace = $1 AND expires_at <= clock_timestamp()
  ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))
RETURNING veri_key`;

/** What is no longer told of the past, and how long a mark can be judged. */
const KEPT_FOR = `interval '30 days'`;

/** namespace, limit */
export const FORGET_PAST = `
DELETE FROM ${DECISION_PAST_TABLE} WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM ${DECISION_PAST_TABLE} WHERE namespace = $1 AND written_at < now() - ${KEPT_FOR} LIMIT $2))`;

/** namespace, limit: the last of the forgotten stays as the floor, which hits all that was marked before it. */
export const FORGET_FENCES = `
WITH old AS (
  SELECT seq FROM ${DECISION_FENCE_TABLE} WHERE namespace = $1 AND created_at < now() - ${KEPT_FOR} ORDER BY seq LIMIT $2::int + 1
), floor AS (
  UPDATE ${DECISION_FENCE_TABLE} SET kind = 'floor' WHERE namespace = $1 AND seq = (SELECT max(seq) FROM old)
)
DELETE FROM ${DECISION_FENCE_TABLE}
WHERE namespace = $1 AND seq IN (SELECT seq FROM old) AND seq < (SELECT max(seq) FROM old)`;

/** namespace, key, limit: newest first, each with the fences that may have hit it before the next was written, as JSON. */
export const PAST_DECISIONS = `
SELECT d.version, d.policy_hash, d.signer_set_hash, d.feed_epoch, ${milliseconds('d.created_at')} AS created,
  ${milliseconds('d.expires_at')} AS expires, (
    SELECT json_agg(json_build_object('kind', f.kind, 'value', f.value, 'under', f.under, 'request', f.request_id) ORDER BY f.seq)
    FROM (SELECT * FROM ${DECISION_FENCE_TABLE} f
      WHERE f.namespace = $1 AND f.seq > d.fence AND (d.successor IS NULL OR f.seq <= d.successor)
        AND f.kind <> 'floor' AND ${FENCE_HITS}
      ORDER BY f.seq LIMIT 100) AS f
  ) AS fences
FROM (
  SELECT *, lag(fence) OVER (ORDER BY version DESC) AS successor
  FROM ${DECISION_PAST_TABLE} WHERE namespace = $1 AND veri_key = $2 ORDER BY version DESC LIMIT $3
) AS d
ORDER BY d.version DESC`;

/** namespace, limit: counts no further than the limit. */
export const COUNT_DECISIONS = `
SELECT count(*) AS counted FROM (SELECT FROM ${DECISION_TABLE} WHERE namespace = $1 LIMIT $2) AS part`;

/** The planner's estimate for a namespace, in a JSON plan. A plan takes no parameters: the namespace is quoted by the caller. */
export function estimateDecisions(quotedNamespace: string): string {
  return `EXPLAIN (FORMAT JSON) SELECT FROM ${DECISION_TABLE} WHERE namespace = ${quotedNamespace}`;
}

function indexed(hit: string): IndexedRemoval {
  const rows = `${DECISION_TABLE} WHERE namespace = $1 AND fence < $2 AND ${hit}`;
  // Without the fence an index alone answers it; that it may say so too often costs a little time, no more.
  const counted = `${DECISION_TABLE} WHERE namespace = $1 AND ${hit}`;
  return {
    look: `
SELECT ARRAY(SELECT veri_key FROM ${rows} LIMIT ${KEYS_SHOWN}) AS keys,
  (SELECT count(*) > ${REMOVED_AT_ONCE} FROM (SELECT FROM ${counted} LIMIT ${REMOVED_AT_ONCE + 1}) AS part) AS many`,
    all: `DELETE FROM ${rows}`,
    part: `DELETE FROM ${DECISION_TABLE} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${rows} LIMIT ${REMOVED_AT_ONCE}))`,
  };
}
