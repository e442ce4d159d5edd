import { randomUUID } from 'node:crypto';
import { CacheError } from '../../../../core/errors/cache-error.js';
import { outboxRowId } from '../../../../core/outbox/outbox-row-id.js';
import type { Answer, Database, EnqueueRequest, OutboxDialect } from '../../outbox-dialect.js';
import { CLAIM } from './claim.js';
import { TRY_LOCK, UNLOCK } from './elect.js';
import { enqueue, enqueueOnce } from './enqueue.js';
import { FIRST_ANCHOR, RAISE_ANCHOR, READ_ANCHOR } from './history-anchor.js';
import { TRIGGER } from './install-trigger.js';
import { HELD, MARK_FAILED, MARK_REPLAYED, PUBLISH, RELEASE, RENEW } from './marks.js';
import { PRUNE } from './prune.js';
import { RESET_DEAD_LETTERS, RESET_DEAD_LETTERS_BY_ID } from './reset-dead-letters.js';
import { SCHEMA } from './schema.js';
import { DEAD_LETTERS, FIND, REPLAYABLE } from './select-rows.js';
import { STATUS, STATUS_FOR_COMMIT } from './status.js';

/** The first releases for use in production that skip locked rows and read JSON as a table. */
const MIN_VERSIONS = { MariaDB: [10, 6, 0], MySQL: [8, 0, 11] } as const;
const MAX_POSITION = 255;

/** Positions of the transactions that have recorded something: the database does not tell their ids without special rights. */
const positions = new WeakMap<object, string>();

/** MariaDB and MySQL: what both understand. */
export const MYSQL: OutboxDialect = {
  product: 'MariaDB or MySQL',
  keepsAudit: false,
  notify: null,
  oneConnection: (withinMs) => ({ connectionLimit: 1, connectTimeout: withinMs }),
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
    const [{ version }] = await dataSource.query('SELECT VERSION() AS version');
    const product = /mariadb/i.test(version) ? 'MariaDB' : 'MySQL';
    const needed = MIN_VERSIONS[product];
    const found = /(\d+)\.(\d+)\.(\d+)(?:-MariaDB|$|[^.\d])/i.exec(version)?.slice(1).map(Number) ?? [0];
    const place = needed.findIndex((number, i) => number !== found[i]);
    if (place >= 0 && found[place]! < needed[place]!) {
      return `${product} ${needed.join('.')} or later, which skips locked rows, got ${version}. Upgrade the server`;
    }
    const settings = await dataSource.query(`SHOW VARIABLES WHERE variable_name IN ('log_bin', 'binlog_format')`);
    const values = settings.map(({ Value }: { Value: string }) => Value);
    if (!values.includes('ON') || !values.includes('STATEMENT')) return null;
    return 'a binary log in the format ROW or MIXED, got STATEMENT. Set `binlog_format`';
  },

  run,

  async enqueue(database, { namespace, intents, position: given, transaction }) {
    const position = given ?? positionOf(transaction);
    if (position.length > MAX_POSITION) {
      throw new CacheError(
        'LARDER_OPTION_INVALID',
        `Expected a commit position of ${MAX_POSITION} characters at most, got ${position.length}. Shorten it, e.g. to its hash.`,
      );
    }
    const rows = [...rowsOf(namespace, position, intents).values()];
    const statement = given === null ? enqueue(rows.length) : enqueueOnce(rows.length);
    const { affected } = await run(database, statement, rows.flat());
    // A row that was there already and has been made new counts as two.
    return { position, rows: given === null ? 2 * rows.length - affected : affected };
  },

  async claim(database, { namespace, owner, limit, claimTtlMs, position }) {
    const { rows } = await run<never>(database, CLAIM, [namespace, owner, limit, claimTtlMs, position]);
    return rows;
  },

  async publish(database, ids, fence, applied) {
    return (await run(database, PUBLISH, [ids, fence, applied])).affected;
  },

  async renew(database, ids, fence) {
    await run(database, RENEW, [ids, fence]);
    const { rows } = await run<{ id: string }>(database, HELD, [ids, fence]);
    return rows.map(({ id }) => id);
  },
};

function positionOf(transaction: object): string {
  const known = positions.get(transaction);
  if (known !== undefined) return known;
  const position = `my:${randomUUID()}`;
  positions.set(transaction, position);
  return position;
}

/** By target, of which the first reason stays. */
function rowsOf(
  namespace: string,
  position: string,
  intents: EnqueueRequest['intents'],
): Map<string, readonly (string | null)[]> {
  const rows = new Map<string, readonly (string | null)[]>();
  for (const { targetHash, kind, key, tag, entity, collection, reason, payload } of intents) {
    if (rows.has(targetHash)) continue;
    const id = outboxRowId(namespace, position, targetHash);
    rows.set(targetHash, [id, namespace, position, targetHash, kind, key, tag, entity, collection, reason, payload]);
  }
  return rows;
}

/** The driver puts parameters in where `?` stands, in order, a list as its members; a procedure answers with its rows first. */
async function run<Row>(database: Database, statement: string, parameters: readonly unknown[]): Promise<Answer<Row>> {
  const inOrder: unknown[] = [];
  const sql = statement.replaceAll(/\$(\d+)/g, (_, number: string) => {
    inOrder.push(parameters[Number(number) - 1]);
    return '?';
  });
  const answer = await database.query(sql, inOrder);
  if (!Array.isArray(answer)) return { rows: [], affected: Number(answer.affectedRows) };
  const rows: Row[] = Array.isArray(answer[0]) ? answer[0] : answer;
  return { rows, affected: rows.length };
}
