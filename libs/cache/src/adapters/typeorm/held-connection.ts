import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, QueryRunner } from 'typeorm';

const held = new AsyncLocalStorage<QueryRunner>();

/**
 * Does what follows a commit over the connection that the committed transaction still holds: publishing its rows, and the
 * audit records of that. Writers that each waited for a second connection while holding one would exhaust the pool.
 */
export function whileHolding<Result>(queryRunner: QueryRunner, work: () => Promise<Result>): Promise<Result> {
  return held.run(queryRunner, work);
}

/** The connection held by the current call, while it is free to be used; else the pool. */
export function connectionOf(dataSource: DataSource): Pick<DataSource, 'query'> {
  const queryRunner = held.getStore();
  const usable =
    queryRunner !== undefined &&
    queryRunner.connection === dataSource &&
    !queryRunner.isReleased &&
    !queryRunner.isTransactionActive;
  return usable ? queryRunner : dataSource;
}
