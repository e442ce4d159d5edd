import type { DataSource } from 'typeorm';
import { AUDIT_TABLE } from '../../libs/cache/src/adapters/typeorm/sql/tables.js';
import { TypeOrmAuditStore } from '../../libs/cache/src/adapters/typeorm/typeorm-audit-store.js';
import { describeAuditStore } from '../../libs/cache/src/testing/audit-store.contract.js';
import { createDatabase, type TestDatabase } from '../integration/typeorm/database.js';

let database: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  database = await createDatabase();
  dataSource = await database.connect();
});
afterAll(() => database.drop());

describeAuditStore('PostgreSQL', async () => {
  await dataSource.query(`DROP TABLE IF EXISTS ${AUDIT_TABLE}`); // its rows cannot be deleted
  const store = new TypeOrmAuditStore({ dataSource });
  await store.open();
  return { store, close: () => store.close() };
});
