import type { DataSource } from 'typeorm';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import type { IndexScope, ScopePart } from '../../core/prefix/index-scope.js';
import type { StoredPrefix } from '../../core/prefix/prefix-entry.js';
import {
  PrefixStore,
  type PrefixRefresh,
  type PrefixWrite,
  type RefreshedPrefix,
  type StoredLookup,
  type WrittenPrefix,
} from '../../core/prefix/prefix-store.port.js';
import { retrying } from './connection-failure.js';
import { assertSupported, dialectOf } from './dialects.js';
import { connectionOf, withQueryRunner } from './held-connection.js';
import type { Answer } from './outbox-dialect.js';
import { checkSchema, installSchema } from './schema.js';
import {
  FORGET_FENCE,
  LOOKUP_PREFIXES,
  OLD_FENCES,
  RAISE_FENCE,
  REFRESH_PREFIXES,
  SWEEP_PREFIXES,
  WRITE_PREFIX,
  deletePart,
  type PartKind,
} from './sql/postgres/create-prefixes.js';
import { PREFIX_TABLE } from './sql/tables.js';
import { TYPE_ORM_PREFIXES_DEFAULTS, type TypeOrmPrefixesOptions } from './typeorm-prefixes.options.js';

interface FoundRow {
  readonly fence: string;
  /** `null`: the row tells of the fence alone. */
  readonly hash: Buffer | null;
  readonly tokens: number;
  readonly tier: string;
  readonly expires: Date;
  readonly left_ms: number;
  readonly written: string;
}

interface WrittenRow {
  readonly fence: string;
  readonly stands: Date;
  readonly left_ms: number;
  readonly written: string;
}

/** Longer than any write can be under way, ms. */
const FENCE_KEPT_MS = 30 * 86_400_000;
const FENCES_AT_ONCE = 20;

/**
 * The prefix index in PostgreSQL: the baseline that is always right. Its clock decides what is live, and its fences what may
 * still be written.
 */
export class TypeOrmPrefixStore extends PrefixStore {
  override readonly kind = 'postgres';
  override readonly shared = true;
  private readonly schema: 'install' | 'check';
  private readonly retries: number;
  private dataSource: DataSource | null;

  /** @throws CacheError `LARDER_OPTION_INVALID` */
  constructor(options: TypeOrmPrefixesOptions = {}) {
    super();
    const { dataSource = null, schema, retries } = { ...TYPE_ORM_PREFIXES_DEFAULTS, ...options };
    if (!Number.isInteger(retries) || retries < 0) {
      throw new CacheError(
        'LARDER_OPTION_INVALID',
        `Expected \`retries\` to be a whole number of at least 0, got ${describeInput(retries)}. Leave it out for 1.`,
      );
    }
    this.dataSource = dataSource;
    this.schema = schema;
    this.retries = retries;
  }

  /** Gives the store its data source, where none was given at first: for dependency injection. */
  bind(dataSource: DataSource): this {
    this.dataSource ??= dataSource;
    return this;
  }

  /** @throws CacheError `LARDER_DATABASE_UNSUPPORTED`, `LARDER_SCHEMA_MISSING`, `LARDER_SCHEMA_UNKNOWN`, `LARDER_OPTION_INVALID` */
  override async open(): Promise<void> {
    const dataSource = this.source();
    await assertSupported(dataSource, 'prefixes');
    if (this.schema === 'check') return checkSchema(dataSource, PREFIX_TABLE);
    await withQueryRunner(dataSource, (queryRunner) => installSchema(queryRunner, PREFIX_TABLE));
  }

  override async lookup(scope: IndexScope, hashes: readonly Uint8Array[]): Promise<StoredLookup> {
    const { rows } = await this.run<FoundRow>(LOOKUP_PREFIXES, [...textsOf(scope), hashes.map(bytesOf)]);
    const entries = rows.flatMap(({ hash, ...row }) => (hash === null ? [] : [toStored(hash, row)]));
    return { entries, fence: Number(rows[0]?.fence ?? 0) };
  }

  override async write({ scope, hash, count, tier, expiresAt, began }: PrefixWrite): Promise<WrittenPrefix | null> {
    const calledAt = performance.now();
    const fence = 'fence' in began ? began.fence : null;
    const parameters = [...textsOf(scope), bytesOf(hash), count, tier, expiresAt, fence];
    const { rows } = await retrying(() => {
      // A write that is repeated began when it was first tried.
      const agoMs = 'fence' in began ? null : began.agoMs + performance.now() - calledAt;
      return this.once<WrittenRow>(WRITE_PREFIX, [...parameters, agoMs]);
    }, this.retries);
    const [row] = rows;
    if (row === undefined) return null;
    const { stands, left_ms: leftMs, written } = row;
    const entry = { hash, count, tier, expiresAt: stands, leftMs, order: Number(written) };
    return { entry, fence: Number(row.fence) };
  }

  override async refresh(refreshes: readonly PrefixRefresh[]): Promise<readonly RefreshedPrefix[]> {
    const { rows } = await this.run<FoundRow & { readonly place: number }>(REFRESH_PREFIXES, [
      refreshes.map(({ scope }) => scope.principalId),
      refreshes.map(({ scope }) => scope.virtualModel),
      refreshes.map(({ scope }) => scope.tokenizerVersion),
      refreshes.map(({ hash }) => bytesOf(hash)),
      refreshes.map(({ expiresAt }) => expiresAt),
      refreshes.map(({ readAgoMs }) => readAgoMs),
    ]);
    return rows.map((row) => {
      const { scope, hash } = refreshes[row.place - 1]!;
      return { scope, entry: toStored(hash, row), fence: Number(row.fence) };
    });
  }

  /** First the fence, in a transaction of its own: from then on nothing of the parts is seen. Then what is left of them goes. */
  override async remove(parts: readonly ScopePart[]): Promise<number> {
    const named = parts.map(nameOf);
    const kinds = named.map(({ kind }) => kind);
    const names = named.map(({ name }) => name);
    const { rows } = await this.run<{ fence: string }>(RAISE_FENCE, [kinds, names]);
    let removed = 0;
    for (const part of named) removed += await this.deleteBelow(part, rows[0]!.fence);
    return removed;
  }

  override async sweep(graceMs: number, limit: number): Promise<number> {
    const { rows: old } = await this.run<{ kind: PartKind; name: string; seq: string }>(OLD_FENCES, [
      FENCE_KEPT_MS,
      FENCES_AT_ONCE,
    ]);
    for (const { kind, name, seq } of old) {
      await this.deleteBelow({ kind, name }, seq); // what it hides would be seen again
      await this.run(FORGET_FENCE, [kind, name, seq]);
    }
    return (await this.run(SWEEP_PREFIXES, [graceMs, limit])).affected;
  }

  /** The data source is the application's. */
  override async close(): Promise<void> {}

  private async deleteBelow({ kind, name }: { kind: PartKind; name: string }, fence: string): Promise<number> {
    return (await this.run<{ live: number }>(deletePart(kind), [fence, name])).rows[0]!.live;
  }

  private run<Row>(statement: string, parameters: readonly unknown[]): Promise<Answer<Row>> {
    return retrying(() => this.once<Row>(statement, parameters), this.retries);
  }

  private once<Row>(statement: string, parameters: readonly unknown[]): Promise<Answer<Row>> {
    const dataSource = this.source();
    return dialectOf(dataSource).run<Row>(connectionOf(dataSource), statement, parameters);
  }

  private source(): DataSource {
    if (this.dataSource !== null) return this.dataSource;
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      'Expected `typeormPrefixes` to have a DataSource, got none. Pass `typeormPrefixes({ dataSource })`, or import TypeOrmModule in the application.',
    );
  }
}

function toStored(hash: Uint8Array, { tokens, tier, expires, left_ms, written }: Omit<FoundRow, 'hash'>): StoredPrefix {
  return { hash, count: tokens, tier, expiresAt: expires, leftMs: left_ms, order: Number(written) };
}

function textsOf({ principalId, virtualModel, tokenizerVersion }: IndexScope): readonly string[] {
  return [principalId, virtualModel, tokenizerVersion];
}

/** The driver sends buffers as bytes; other arrays of bytes it would send as text. */
function bytesOf(hash: Uint8Array): Buffer {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length);
}

function nameOf(part: ScopePart): { readonly kind: PartKind; readonly name: string } {
  if (part === 'all') return { kind: 'all', name: '' };
  if ('principalId' in part) return { kind: 'principal', name: part.principalId };
  if ('virtualModel' in part) return { kind: 'model', name: part.virtualModel };
  return { kind: 'tokenizer', name: part.tokenizerVersion };
}
