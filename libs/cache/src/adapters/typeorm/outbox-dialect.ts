import type { DataSource, QueryRunner } from 'typeorm';
import type { ANCHOR_TABLE, AUDIT_TABLE, DECISION_TABLE, OUTBOX_TABLE, PREFIX_TABLE } from './sql/tables.js';
import type { IntentColumns, StoredOutboxRow } from './outbox-row-mapping.js';

/** Where statements run: a data source, a manager, or the query runner of a transaction. */
export type Database = Pick<DataSource, 'query'>;

/** A part of the schema that has a version of its own: its table. */
export type SchemaArtifact =
  typeof OUTBOX_TABLE | typeof AUDIT_TABLE | typeof ANCHOR_TABLE | typeof DECISION_TABLE | typeof PREFIX_TABLE;

/** Statements that are the same in every dialect but for their words: same parameters, same columns. */
export interface OutboxStatements {
  /** ids, fence or `null`, error, backoff in ms, dead */
  readonly markFailed: string;
  /** ids, fence or `null`, delay in ms */
  readonly release: string;
  /** namespace */
  readonly resetDeadLetters: string;
  /** namespace, ids */
  readonly resetDeadLettersById: string;
  /** namespace */
  readonly status: string;
  /** namespace, commit position */
  readonly statusForCommit: string;
  /** id */
  readonly find: string;
  /** namespace, limit, creation and id of the row before the first */
  readonly deadLetters: string;
  /** namespace, after this id, limit, from this log position, preserved ones as JSON */
  readonly replayable: string;
  /** ids, log position or `null` */
  readonly markReplayed: string;
  /** name; answers `won`: the session holds the lock of that name until it ends, or unlocks */
  readonly tryLock: string;
  /** name */
  readonly unlock: string;
  /** namespace, age in ms, limit */
  readonly prune: string;
  /** namespace */
  readonly readAnchor: string;
  /** namespace, era; changes nothing where one stands */
  readonly firstAnchor: string;
  /** namespace, expected era, next era */
  readonly raiseAnchor: string;
}

export interface EnqueueRequest {
  readonly namespace: string;
  readonly intents: readonly (IntentColumns & { readonly reason: string })[];
  /** `null`: that of the transaction. */
  readonly position: string | null;
  /** One object for one transaction, for databases that do not tell transactions apart. */
  readonly transaction: object;
}

export interface Enqueued {
  readonly position: string;
  readonly rows: number;
  /** Unix ms, where the statement tells it. */
  readonly createdAtMs?: number;
}

export interface ClaimRequest {
  readonly namespace: string;
  readonly owner: string;
  readonly limit: number;
  readonly claimTtlMs: number;
  readonly position: string | null;
}

/** What a statement has found or changed. */
export interface Answer<Row> {
  readonly rows: Row[];
  readonly affected: number;
}

/** A table to be watched, with all options resolved. */
export interface WatchedTable {
  readonly namespace: string;
  readonly table: string;
  readonly entity: string;
  readonly id: string;
  readonly collections: readonly string[];
  readonly maxRows: number;
}

export interface TriggerDialect {
  install(queryRunner: QueryRunner, watched: WatchedTable): Promise<void>;
  remove(queryRunner: QueryRunner, table: string): Promise<void>;
}

export interface SchemaDialect {
  /** Installs while no other application does. */
  exclusively(queryRunner: QueryRunner, install: () => Promise<void>): Promise<void>;
  readonly createVersions: string;
  /** Two tables; answers `one` and `other`, `null` where they do not exist. */
  readonly findTables: string;
  /** artifact, version */
  readonly recordVersion: string;
  create(queryRunner: QueryRunner, artifact: SchemaArtifact): Promise<void>;
  readonly drop: readonly string[];
}

/**
 * The outbox in the words of one kind of database. Each has a folder below `sql`, with files of the same names, so that
 * both can be read side by side.
 */
export interface OutboxDialect {
  /** For people. */
  readonly product: string;
  /** Finds out whether this server can do what the outbox needs: `null`, or what was needed, what was found, and the cure. */
  shortcoming(dataSource: DataSource): Promise<string | null>;
  /** Whether the database can keep a log that nobody can empty unseen. */
  readonly keepsAudit: boolean;
  /** Wakes the workers of other processes; `null` where the database has no such thing, and polling finds the rows. */
  readonly notify: string | null;
  /** The driver's own options (`extra`) for a data source of one connection that waits so long for it. */
  oneConnection(withinMs: number): object;
  readonly schema: SchemaDialect;
  readonly trigger: TriggerDialect;
  readonly statements: OutboxStatements;
  /** Runs a statement whose parameters are `$1`, `$2`, …; a list of ids is one parameter. */
  run<Row>(database: Database, statement: string, parameters: readonly unknown[]): Promise<Answer<Row>>;
  /** Records intents in the transaction it runs in, in one statement; a target already recorded there is one row. */
  enqueue(database: Database, request: EnqueueRequest): Promise<Enqueued>;
  /** Leases due rows; those that another worker is claiming at this moment are passed over. */
  claim(database: Database, request: ClaimRequest): Promise<StoredOutboxRow[]>;
  /** Marks rows published: with a fence pending rows whose claim stands, without one all that are not published. */
  publish(database: Database, ids: readonly string[], fence: number | null, applied: string | null): Promise<number>;
  /** Renews the claims that stand; returns the ids of their rows. */
  renew(database: Database, ids: readonly string[], fence: number | null): Promise<string[]>;
}
