/** The names under which Larder lives in a database. The outbox and the schema version are named as in hydracache. */
export const OUTBOX_TABLE = 'hydracache_invalidation_outbox';
export const AUDIT_TABLE = 'invalidation_audit';
export const ANCHOR_TABLE = 'invalidation_anchor';
export const PREFIX_TABLE = 'prompt_cache_entries';
export const PREFIX_FENCE_TABLE = 'prompt_cache_fences';
export const PREFIX_ORDER_SEQUENCE = 'prompt_cache_order';
export const VERSION_TABLE = 'hydracache_schema_version';
/** Channel of the wake-up notifications. */
export const OUTBOX_CHANNEL = 'hydracache_outbox';
/** The durable tier of the decision cache, what hits it, and what it held. */
export const DECISION_TABLE = 'larder_decision';
export const DECISION_FENCE_TABLE = 'larder_decision_fence';
export const DECISION_PAST_TABLE = 'larder_decision_past';
