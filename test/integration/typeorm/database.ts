import { randomBytes } from 'node:crypto';
import { DataSource, type DataSourceOptions } from 'typeorm';

/** A database of its own on a server of the test run, and what was opened on it. */
export interface TestDatabase {
  /** Another data source on the same database; closed with it. */
  connect(options?: Partial<DataSourceOptions>): Promise<DataSource>;
  readonly url: string;
  drop(): Promise<void>;
}

export type DatabaseProduct = 'PostgreSQL' | 'MariaDB';

const SERVERS = {
  PostgreSQL: { type: 'postgres', url: process.env.LARDER_TEST_POSTGRES_URL, force: 'WITH (FORCE)' },
  MariaDB: { type: 'mariadb', url: process.env.LARDER_TEST_MARIADB_URL, force: '' },
} as const;

/** Every test file works in a database that nobody else sees. */
export async function createDatabase(product: DatabaseProduct = 'PostgreSQL'): Promise<TestDatabase> {
  const { type, url: serverUrl, force } = SERVERS[product];
  if (serverUrl === undefined)
    throw new Error(`Expected the URL of a ${product} server: run the tests by \`npm test\``);
  const name = `larder_${randomBytes(6).toString('hex')}`;
  const server = await new DataSource({ type, url: serverUrl }).initialize();
  await server.query(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const open: DataSource[] = [];
  return {
    url: url.href,
    async connect(options = {}) {
      const dataSource = await new DataSource({ type, url: url.href, ...options } as DataSourceOptions).initialize();
      open.push(dataSource);
      return dataSource;
    },
    async drop() {
      await Promise.all(open.filter((each) => each.isInitialized).map((each) => each.destroy()));
      await server.query(`DROP DATABASE ${name} ${force}`);
      await server.destroy();
    },
  };
}
