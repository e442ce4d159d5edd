import { randomBytes } from 'node:crypto';
import { DataSource, type DataSourceOptions } from 'typeorm';

/** A database of its own on the server of the test run, and what was opened on it. */
export interface TestDatabase {
  /** Another data source on the same database; closed with it. */
  connect(options?: Partial<DataSourceOptions>): Promise<DataSource>;
  readonly url: string;
  drop(): Promise<void>;
}

const SERVER = process.env.LARDER_TEST_POSTGRES_URL;

/** Every test file works in a database that nobody else sees. */
export async function createDatabase(): Promise<TestDatabase> {
  if (SERVER === undefined) throw new Error('LARDER_TEST_POSTGRES_URL is not set: run the tests by `npm test`');
  const name = `larder_${randomBytes(6).toString('hex')}`;
  const server = await new DataSource({ type: 'postgres', url: SERVER }).initialize();
  await server.query(`CREATE DATABASE ${name}`);
  const url = new URL(SERVER);
  url.pathname = `/${name}`;
  const open: DataSource[] = [];
  return {
    url: url.href,
    async connect(options = {}) {
      const dataSource = await new DataSource({
        type: 'postgres',
        url: url.href,
        ...options,
      } as DataSourceOptions).initialize();
      open.push(dataSource);
      return dataSource;
    },
    async drop() {
      await Promise.all(open.filter((each) => each.isInitialized).map((each) => each.destroy()));
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.destroy();
    },
  };
}
