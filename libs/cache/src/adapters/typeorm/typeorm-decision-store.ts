import type { DataSource } from 'typeorm';
import { resolveCodecOptions, type ResolvedCodecOptions } from '../../core/codec/codec.options.js';
import {
  keyMatcher,
  literalPrefixOf,
  type DecisionRemoval,
  type PatternRemoval,
} from '../../core/decision/decision-removal.js';
import {
  DecisionStore,
  type DecisionFence,
  type DecisionLookup,
  type DecisionRemovalStep,
  type DecisionWrite,
  type PastDecision,
  type WrittenDecision,
} from '../../core/decision/decision-store.port.js';
import { feedEpochBytes } from '../../core/decision/feed-epoch.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { compilePattern } from '../../core/keys/key-pattern.js';
import {
  fenceParameters,
  payloadOf,
  toLookup,
  toPast,
  writeParameters,
  type StoredLookup,
  type StoredPast,
} from './decision-row-mapping.js';
import { assertSupported } from './dialects.js';
import { withQueryRunner } from './held-connection.js';
import type { Database } from './outbox-dialect.js';
import { checkSchema, installSchema } from './schema.js';
import {
  ANNOUNCE,
  COUNT_DECISIONS,
  estimateDecisions,
  FIND_DECISION,
  FORGET_FENCES,
  FORGET_PAST,
  PAST_DECISIONS,
  PRUNE_DECISIONS,
  KEYS_SHOWN,
  REMOVAL_BY,
  REMOVE_KEYS,
  WALK_KEYS,
  WRITE_DECISIONS,
  type IndexedRemoval,
} from './sql/postgres/decision-rows.js';
import { DECISION_TABLE } from './sql/tables.js';
import { TYPE_ORM_DECISION_DEFAULTS, type TypeOrmDecisionOptions } from './typeorm-decision.options.js';

/** Keys that a pattern is held against in one step, where it is no prefix. */
const WALKED_AT_ONCE = 1_000;
/** Entries are counted up to here; beyond it the planner's estimate has to do. */
const COUNTED = 100_000;

/**
 * The decisions in PostgreSQL, shared by all instances. Its clock decides what has expired, its locks decide whether a
 * write or a removal came first.
 */
export class TypeOrmDecisionStore extends DecisionStore {
  override readonly name = 'postgres';
  override readonly shared = true;
  private readonly schema: NonNullable<TypeOrmDecisionOptions['schema']>;
  private readonly codec: ResolvedCodecOptions;
  private dataSource: DataSource | null;

  /** @throws CacheError `LARDER_OPTION_INVALID` naming the field */
  constructor(options: TypeOrmDecisionOptions = {}) {
    super();
    const { dataSource = null, schema, maxPayloadBytes } = { ...TYPE_ORM_DECISION_DEFAULTS, ...options };
    this.dataSource = dataSource;
    this.schema = schema;
    this.codec = resolveCodecOptions({ maxPayloadBytes });
  }

  /** Gives the store its data source, where none was given at first: for dependency injection. */
  bind(dataSource: DataSource): this {
    this.dataSource ??= dataSource;
    return this;
  }

  /** @throws CacheError `LARDER_DATABASE_UNSUPPORTED`, `LARDER_SCHEMA_MISSING`, `LARDER_SCHEMA_UNKNOWN`, `LARDER_OPTION_INVALID` */
  override async open(): Promise<void> {
    const dataSource = this.database();
    await assertSupported(dataSource, 'decisions');
    if (this.schema === 'check') return checkSchema(dataSource, DECISION_TABLE);
    await withQueryRunner(dataSource, (queryRunner) => installSchema(queryRunner, DECISION_TABLE));
  }

  override async find(namespace: string, veriKey: string): Promise<DecisionLookup> {
    const [stored]: StoredLookup[] = await this.database().query(FIND_DECISION, [namespace, veriKey]);
    return toLookup(veriKey, stored!, this.codec);
  }

  override async write(
    namespace: string,
    writes: readonly DecisionWrite[],
  ): Promise<readonly (WrittenDecision | null)[]> {
    const encoded = writes.flatMap((write) => {
      const payload = payloadOf(write.entry.decision, this.codec);
      return payload === null ? [] : [{ ...write, payload }];
    });
    if (encoded.length === 0) return writes.map(() => null);
    const rows: { veri_key: string; version: string; remaining_ms: string }[] = await this.database().query(
      WRITE_DECISIONS,
      [namespace, ...writeParameters(encoded)],
    );
    const written = new Map(
      rows.map((row) => [row.veri_key, { version: BigInt(row.version), remainingMs: Number(row.remaining_ms) }]),
    );
    return writes.map(({ entry }) => written.get(entry.veriKey) ?? null);
  }

  override async fence(namespace: string, removal: DecisionRemoval, requestId: string): Promise<DecisionFence> {
    const parameters = [namespace, ...fenceParameters(removal), requestId];
    const [{ fence }] = await this.database().query(ANNOUNCE, parameters);
    return { removal, fence: BigInt(fence) };
  }

  override async remove(
    namespace: string,
    { removal, fence }: DecisionFence,
    from: string,
  ): Promise<DecisionRemovalStep> {
    const database = this.database();
    const removed = (value: unknown): Promise<DecisionRemovalStep> =>
      removeRows(database, REMOVAL_BY[removal.kind], [namespace, String(fence), value]);
    switch (removal.kind) {
      case 'key':
        return removed(removal.veriKey);
      case 'policy':
      case 'signers':
        return removed(removal.hash);
      case 'epoch':
        return removed(feedEpochBytes(removal.olderThan));
      case 'pattern': {
        const { mode } = compilePattern(removal.pattern);
        const like = likePrefix(literalPrefixOf(removal) ?? '');
        if (mode === 'prefix' || mode === 'all') return removed(like);
        return walk(database, namespace, removal, fence, like, from);
      }
    }
  }

  override async prune(namespace: string, limit: number): Promise<readonly string[]> {
    const [rows]: [{ veri_key: string }[], number] = await this.database().query(PRUNE_DECISIONS, [namespace, limit]);
    return rows.map(({ veri_key }) => veri_key);
  }

  override async forget(namespace: string, limit: number): Promise<number> {
    const [, past]: [unknown, number] = await this.database().query(FORGET_PAST, [namespace, limit]);
    const [, fences]: [unknown, number] = await this.database().query(FORGET_FENCES, [namespace, limit]);
    return past + fences;
  }

  override async past(namespace: string, veriKey: string, limit: number): Promise<readonly PastDecision[]> {
    const rows: StoredPast[] = await this.database().query(PAST_DECISIONS, [namespace, veriKey, limit]);
    return rows.map((stored) => toPast(veriKey, stored));
  }

  override async count(namespace: string): Promise<number> {
    const [{ counted }] = await this.database().query(COUNT_DECISIONS, [namespace, COUNTED + 1]);
    if (Number(counted) <= COUNTED) return Number(counted);
    const quoted = `'${namespace.replaceAll("'", "''")}'`; // a namespace holds no quotes; this is for whoever changes that
    const [row] = await this.database().query(estimateDecisions(quoted));
    return Math.max(Number(counted), row['QUERY PLAN'][0].Plan['Plan Rows']);
  }

  override async probe(): Promise<void> {
    await this.database().query('SELECT 1');
  }

  override async close(): Promise<void> {}

  private database(): DataSource {
    if (this.dataSource !== null) return this.dataSource;
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      'Expected `typeormDecisions` to have a DataSource, got none. Pass `typeormDecisions({ dataSource })`, or import TypeOrmModule in the application.',
    );
  }
}

/** As much as goes at once. Where there is more, the next step finds it by the same condition. */
async function removeRows(
  database: Database,
  { look, all, part }: IndexedRemoval,
  parameters: readonly unknown[],
): Promise<DecisionRemovalStep> {
  const [{ keys, many }]: [{ keys: string[]; many: boolean }] = await database.query(look, [...parameters]);
  if (keys.length === 0) return { removed: 0, keys, next: null };
  const [, removed]: [unknown, number] = await database.query(many ? part : all, [...parameters]);
  return { removed, keys, next: many && removed > 0 ? '' : null };
}

/** One page of the keys, judged by the one matcher. */
async function walk(
  database: Database,
  namespace: string,
  removal: PatternRemoval,
  fence: bigint,
  like: string,
  from: string,
): Promise<DecisionRemovalStep> {
  const parameters = [namespace, String(fence), like, from, WALKED_AT_ONCE];
  const page: { veri_key: string }[] = await database.query(WALK_KEYS, parameters);
  const next = page.length < WALKED_AT_ONCE ? null : page.at(-1)!.veri_key;
  const hits = keyMatcher(removal);
  const keys = page.map(({ veri_key }) => veri_key).filter(hits);
  if (keys.length === 0) return { removed: 0, keys, next };
  const [, removed]: [unknown, number] = await database.query(REMOVE_KEYS, [namespace, String(fence), keys]);
  return { removed, keys: keys.slice(0, KEYS_SHOWN), next };
}

/** Keys that begin with a text, whatever is in it. */
function likePrefix(prefix: string): string {
  return `${prefix.replace(/[\\%_]/g, '\\$&')}%`;
}
