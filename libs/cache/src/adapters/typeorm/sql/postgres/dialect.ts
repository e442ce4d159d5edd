import type { Answer, Database, OutboxDialect } from '../../outbox-dialect.js';
import type { StoredOutboxRow } from '../../outbox-row-mapping.js';
import { OUTBOX_CHANNEL } from '../tables.js';
import { CLAIM } from './claim.js';
import { TRY_LOCK, UNLOCK } from './elect.js';
import { ENQUEUE } from './enqueue.js';
import { FIRST_ANCHOR, RAISE_ANCHOR, READ_ANCHOR } from './history-anchor.js';
import { TRIGGER } from './install-trigger.js';
import { MARK_FAILED, MARK_REPLAYED, PUBLISH, RELEASE, RENEW } from './marks.js';
import { PRUNE } from './prune.js';
import { RESET_DEAD_LETTERS, RESET_DEAD_LETTERS_BY_ID } from './reset-dead-letters.js';
import { SCHEMA } from './schema.js';
import { DEAD_LETTERS, FIND, REPLAYABLE } from './select-rows.js';
import { STATUS, STATUS_FOR_COMMIT } from './status.js';

/** The oldest PostgreSQL with 64-bit transaction ids as text (`pg_current_xact_id`). */
const MIN_VERSION = 13;
const COLUMNS = ['targetHash', 'kind', 'key', 'tag', 'entity', 'collection', 'reason', 'payload'] as const;

export const POSTGRES: OutboxDialect = {
  product: 'PostgreSQL',
  keepsAudit: true,
  notify: `NOTIFY ${OUTBOX_CHANNEL}`,
  oneConnection: (withinMs) => ({ max: 1, keepAlive: true, connectionTimeoutMillis: withinMs }),
  schema: SCHEMA,
  trigger: TRIGGER,
  statements: {
    markFailed: MARK_FAILED,
    release: RELEASE,
    resetDeadLetters: RESET_DEAD_LETTERS,
    resetDeadLettersById: RESET_DEAD_LETTERS_BY_ID,
    status: STATUS,
    statusForCommit: STATUS_FOR_COMMIT,
    find: FIND,
    deadLetters: DEAD_LETTERS,
    replayable: REPLAYABLE,
    markReplayed: MARK_REPLAYED,
    tryLock: TRY_LOCK,
    unlock: UNLOCK,
    prune: PRUNE,
    readAnchor: READ_ANCHOR,
    firstAnchor: FIRST_ANCHOR,
    raiseAnchor: RAISE_ANCHOR,
  },

  async shortcoming(dataSource) {
    const [{ version }] = await dataSource.query(`SELECT current_setting('server_version_num')::int AS version`);
    return version < MIN_VERSION * 10_000
      ? `PostgreSQL ${MIN_VERSION} or later, got ${version}. Upgrade the server`
      : null;
  },

  run,

  async enqueue(database, { namespace, intents, position }) {
    const columns = COLUMNS.map((column) => intents.map((intent) => intent[column]));
    const [written] = await database.query(ENQUEUE, [namespace, position, ...columns]);
    return {
      position: written.commit_at,
      rows: Number(written.added),
      createdAtMs: Number(written.created_ms),
    };
  },

  claim(database, { namespace, owner, limit, claimTtlMs, position }): Promise<StoredOutboxRow[]> {
    return database.query(CLAIM, [namespace, owner, limit, claimTtlMs, position]);
  },

  async publish(database, ids, fence, applied) {
    const [{ published }] = await database.query(PUBLISH, [ids, fence, applied]);
    return Number(published);
  },

  async renew(database, ids, fence) {
    const { rows } = await run<{ id: string }>(database, RENEW, [ids, fence]);
    return rows.map(({ id }) => id);
  },
};

/** TypeORM answers an UPDATE or DELETE with its rows and their number, anything else with its rows. */
async function run<Row>(database: Database, statement: string, parameters: readonly unknown[]): Promise<Answer<Row>> {
  const answer = await database.query(statement, [...parameters]);
  if (typeof answer[1] === 'number') return { rows: answer[0], affected: answer[1] };
  return { rows: answer, affected: answer.length };
}
