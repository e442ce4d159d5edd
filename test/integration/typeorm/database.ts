import { randomBytes } from 'node:crypto';
import { DataSource, type DataSourceOptions } from 'typeorm';

/** A database of its own on a server of the test run, and what was opened on it. */
export interface TestDatabase {
  /** Another data source on the same database; closed with it. */
  connect(options?: Partial<DataSourceOptions>): Promise<DataSource>;
  readonly url: string;
  /** PostgreSQL: a role that may log in, and has no right but those granted here; gone with the database. */
  createRole(...grants: readonly string[]): Promise<TestRole>;
  drop(): Promise<void>;
}

/** A role of the server. */
export interface TestRole {
  readonly name: string;
  /** A data source that is logged in as this role; closed with the database. */
  connect(): Promise<DataSource>;
}

/** What an application's role needs for the audit where migrations are run by another, as docs/typeorm.md says. */
export const AUDIT_GRANTS = [
  'SELECT ON hydracache_schema_version',
  'SELECT, INSERT ON invalidation_audit',
  'USAGE ON SEQUENCE invalidation_audit_id_seq',
] as const;

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
  const roles: string[] = [];
  const database: TestDatabase = {
    url: url.href,
    async connect(options = {}) {
      const dataSource = await new DataSource({ type, url: url.href, ...options } as DataSourceOptions).initialize();
      open.push(dataSource);
      return dataSource;
    },
    async createRole(...grants) {
      const role = `larder_role_${randomBytes(6).toString('hex')}`; // roles belong to the server, not to the database
      const password = randomBytes(12).toString('hex');
      roles.push(role);
      await server.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
      const own = new URL(url);
      own.username = role;
      own.password = password;
      if (grants.length > 0) {
        const granting = await database.connect();
        for (const grant of grants) await granting.query(`GRANT ${grant} TO ${role}`);
      }
      return { name: role, connect: () => database.connect({ url: own.href }) };
    },
    async drop() {
      await Promise.all(open.filter((each) => each.isInitialized).map((each) => each.destroy()));
      await server.query(`DROP DATABASE ${name} ${force}`);
      for (const role of roles) await server.query(`DROP ROLE ${role}`);
      await server.destroy();
    },
  };
  return database;
}
