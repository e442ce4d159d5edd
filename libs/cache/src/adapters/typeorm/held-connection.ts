import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, QueryRunner } from 'typeorm';
import type { OutboxDialect } from './outbox-dialect.js';

/** One connection, one query at a time: who comes meanwhile waits, and who comes after its release goes to the pool. */
class HeldConnection {
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly queryRunner: QueryRunner) {}

  usableFor(dataSource: DataSource): boolean {
    const { connection, isReleased, isTransactionActive } = this.queryRunner;
    return connection === dataSource && !isReleased && !isTransactionActive;
  }

  over(dataSource: DataSource): Pick<DataSource, 'query'> {
    const query: DataSource['query'] = (sql, parameters) => {
      const result = this.last.then(() =>
        (this.usableFor(dataSource) ? this.queryRunner : dataSource).query(sql, parameters),
      );
      this.last = result.catch(() => undefined); // its caller is told
      return result;
    };
    return { query };
  }
}

const held = new AsyncLocalStorage<HeldConnection>();

/**
 * Does what follows a commit over the connection that the committed transaction still holds: publishing its rows, and the
 * audit records of that. Writers that each waited for a second connection while holding one would exhaust the pool.
 */
export function whileHolding<Result>(queryRunner: QueryRunner, work: () => Promise<Result>): Promise<Result> {
  return held.run(new HeldConnection(queryRunner), work);
}

/** The connection held by the current call, while it is free to be used; else the pool. */
export function connectionOf(dataSource: DataSource): Pick<DataSource, 'query'> {
  const connection = held.getStore();
  return connection?.usableFor(dataSource) === true ? connection.over(dataSource) : dataSource;
}

/** Each database says it in its own way: `true`, `1` or `'1'`. */
interface Won {
  readonly won: boolean | number | string;
}

/**
 * Works if nobody else holds the lock of that name, over the connection that holds it: who loses the connection has lost
 * the lock, and cannot go on. `null` where another has it.
 */
export async function whileElected<Result>(
  queryRunner: QueryRunner,
  dialect: OutboxDialect,
  name: string,
  work: () => Promise<Result>,
): Promise<Result | null> {
  const { rows } = await dialect.run<Won>(queryRunner, dialect.statements.tryLock, [name]);
  if (Number(rows[0]!.won) !== 1) return null;
  try {
    return await whileHolding(queryRunner, work);
  } finally {
    await dialect.run(queryRunner, dialect.statements.unlock, [name]);
  }
}

/** Works on a connection of its own. */
export async function withQueryRunner<Result>(
  dataSource: DataSource,
  work: (queryRunner: QueryRunner) => Promise<Result>,
): Promise<Result> {
  const queryRunner = dataSource.createQueryRunner();
  try {
    return await work(queryRunner);
  } finally {
    await queryRunner.release();
  }
}
