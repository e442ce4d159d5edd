import { DataSource, type DataSourceOptions } from 'typeorm';
import { HistoryAnchor, type AnchoredHistory } from '../../core/coherence/history-anchor.port.js';
import { assertSupported, dialectOf } from './dialects.js';
import type { Answer, OutboxStatements } from './outbox-dialect.js';
import { checkSchema, installSchema } from './schema.js';
import { ANCHOR_TABLE } from './sql/tables.js';

/** A query without an answer for so long costs its connection, ms: the socket may lead nowhere, and nobody would tell. */
const STUCK_MS = 2_000;

/**
 * The anchor in the database of the data. It keeps a connection of its own: it is asked twice a second and before each
 * invalidation is acknowledged, also by writers that hold a connection of the pool, and must not wait for one.
 */
export class TypeOrmHistoryAnchor extends HistoryAnchor {
  private connecting: Promise<DataSource> | null = null;

  constructor(
    private readonly source: () => DataSource,
    private readonly schema: 'install' | 'check',
  ) {
    super();
  }

  /** @throws CacheError `LARDER_DATABASE_UNSUPPORTED`, `LARDER_SCHEMA_MISSING`, `LARDER_SCHEMA_UNKNOWN`, `LARDER_OPTION_INVALID` */
  override async open(): Promise<void> {
    await assertSupported(this.source(), 'outbox');
    const dataSource = await this.connected();
    if (this.schema === 'check') return checkSchema(dataSource, ANCHOR_TABLE);
    const queryRunner = dataSource.createQueryRunner();
    try {
      await installSchema(queryRunner, ANCHOR_TABLE);
    } finally {
      await queryRunner.release();
    }
  }

  override async read(namespace: string): Promise<AnchoredHistory | null> {
    const [row] = (await this.run<{ era: string; confirmations: string }>('readAnchor', namespace)).rows;
    return row === undefined ? null : { era: row.era, confirmations: Number(row.confirmations) };
  }

  override async raise(namespace: string, expected: string | null, next: string): Promise<boolean> {
    const done =
      expected === null
        ? await this.run('firstAnchor', namespace, next)
        : await this.run('raiseAnchor', namespace, expected, next);
    return done.affected > 0;
  }

  override async close(): Promise<void> {
    const { connecting } = this;
    this.connecting = null;
    const dataSource = await connecting?.catch(() => null); // one that never came about need not be closed
    await dataSource?.destroy();
  }

  private async run<Row>(name: keyof OutboxStatements, ...parameters: unknown[]): Promise<Answer<Row>> {
    const dataSource = await this.connected();
    const timer = setTimeout(() => this.giveUp(dataSource), STUCK_MS);
    const dialect = dialectOf(dataSource);
    try {
      return await dialect.run<Row>(dataSource, dialect.statements[name], parameters);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The pool of one connects again by itself; what fails to begin at all begins anew with the next question. */
  private async connected(): Promise<DataSource> {
    const connecting = (this.connecting ??= beside(this.source()).initialize());
    try {
      return await connecting;
    } catch (error) {
      if (this.connecting === connecting) this.connecting = null;
      throw error;
    }
  }

  private giveUp(dataSource: DataSource): void {
    this.connecting = null;
    dataSource.destroy().catch(() => undefined); // its query fails with it, and the next one finds another connection
  }
}

/** The same database with one connection, and nothing of the application. */
function beside(application: DataSource): DataSource {
  const { options } = application;
  return new DataSource({
    ...options,
    entities: [],
    subscribers: [],
    migrations: [],
    migrationsRun: false,
    synchronize: false,
    dropSchema: false,
    cache: false,
    logging: false,
    poolSize: 1,
    extra: { ...(options.extra as object | undefined), ...dialectOf(application).oneConnection(STUCK_MS) },
  } as DataSourceOptions);
}
