import { InvalidationIntent } from '../../core/invalidation/intent.js';
import { CommitPosition } from '../../core/outbox/commit-position.js';
import { UnreadableIntent, type OutboxIntent } from '../../core/outbox/outbox-intent.js';
import type { OutboxRow } from '../../core/outbox/outbox-row.js';
import { OutboxState } from '../../core/outbox/outbox-state.js';

/** A row as the driver gives it: `bigint` columns come as text, or as numbers. */
export interface StoredOutboxRow {
  readonly id: string;
  readonly namespace: string;
  readonly commit_position: string;
  readonly target_hash: string;
  readonly intent_kind: string;
  readonly cache_key: string | null;
  readonly cache_tag: string | null;
  readonly entity_name: string | null;
  readonly collection_name: string | null;
  readonly reason: string;
  readonly payload_json: string | null;
  readonly created_at_ms: string;
  readonly available_at_ms: string;
  readonly claimed_at_ms: string | null;
  readonly claim_owner: string | null;
  readonly published_at_ms: string | null;
  readonly attempts: number;
  readonly state: string;
  readonly last_error: string | null;
  readonly claim_seq: string;
  readonly applied_pos: string | null;
}

/** Counts as the driver gives them: text or numbers. */
export interface StoredStatus {
  readonly now_ms: string;
  readonly pending: string;
  readonly oldest_ms: string | null;
  readonly dead: string;
  readonly published_ms: string | null;
  readonly attempts: string;
}

export interface StoredCommitStatus {
  readonly rows: string;
  readonly pending: string;
  readonly published: string;
  readonly dead: string;
  readonly applied_pos: string | null;
}

export function toOutboxRow(stored: StoredOutboxRow): OutboxRow {
  return {
    id: stored.id,
    namespace: stored.namespace,
    commitPosition: new CommitPosition(stored.commit_position),
    targetHash: stored.target_hash,
    intent: readIntent(stored),
    reason: stored.reason,
    createdAtMs: Number(stored.created_at_ms),
    availableAtMs: Number(stored.available_at_ms),
    claimedAtMs: numberOrNull(stored.claimed_at_ms),
    claimOwner: stored.claim_owner,
    publishedAtMs: numberOrNull(stored.published_at_ms),
    attempts: stored.attempts,
    state: OutboxState.fromStorage(stored.state) ?? OutboxState.Dead,
    lastError: stored.last_error,
    claimSeq: Number(stored.claim_seq),
    appliedPosition: stored.applied_pos,
  };
}

/** The columns of one intent, as parameters of the statement that records it. */
export interface IntentColumns {
  readonly targetHash: string;
  readonly kind: string;
  readonly key: string | null;
  readonly tag: string | null;
  readonly entity: string | null;
  readonly collection: string | null;
  readonly payload: string | null;
}

/**
 * An intent goes into the columns of its kind. Only what they cannot hold goes into the payload too: a pattern, and text with
 * a NUL, which PostgreSQL does not store.
 */
export function toIntentColumns(intent: OutboxIntent): IntentColumns {
  const fields = intent.toJSON() as Record<string, string | undefined>;
  const values = [fields.key, fields.tag, fields.entity, fields.collection];
  const [key, tag, entity, collection] = values.map((value) => (value === undefined ? null : storableText(value)));
  const fits = intent.kind !== 'pattern' && !values.some((value) => value?.includes('\0'));
  return {
    targetHash: intent.targetHashHex(),
    kind: intent.kind,
    key: key!,
    tag: tag!,
    entity: entity!,
    collection: collection!,
    payload: fits ? null : JSON.stringify(fields),
  };
}

/** Text as PostgreSQL can store it: NUL is shown by its symbol. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\u2400');
}

function readIntent(stored: StoredOutboxRow): OutboxIntent {
  try {
    return stored.payload_json === null
      ? intentOfColumns(stored)
      : InvalidationIntent.fromJSON(JSON.parse(stored.payload_json));
  } catch (error) {
    return new UnreadableIntent((error as Error).message, stored.target_hash);
  }
}

/** @throws Error that names the missing column */
function intentOfColumns(stored: StoredOutboxRow): InvalidationIntent {
  switch (stored.intent_kind) {
    case 'key':
      return InvalidationIntent.key(present(stored.cache_key, 'cache_key'));
    case 'tag':
      return InvalidationIntent.fromJSON({ kind: 'tag', tag: present(stored.cache_tag, 'cache_tag') });
    case 'entity': {
      const column = 'entity_name or cache_key';
      return InvalidationIntent.entity(present(stored.entity_name, column), present(stored.cache_key, column));
    }
    case 'collection':
      return InvalidationIntent.collection(present(stored.collection_name, 'collection_name'));
    case 'pattern':
      throw new Error('missing payload_json');
    case 'flush':
      return InvalidationIntent.flush();
    default:
      throw new Error(`unsupported outbox intent kind ${JSON.stringify(stored.intent_kind)}`);
  }
}

function present(value: string | null, column: string): string {
  if (value === null) throw new Error(`missing ${column}`);
  return value;
}

function numberOrNull(value: string | null): number | null {
  return value === null ? null : Number(value);
}
