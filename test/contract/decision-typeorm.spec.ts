import type { DataSource } from 'typeorm';
import {
  DECISION_FENCE_TABLE,
  DECISION_PAST_TABLE,
  DECISION_TABLE,
} from '../../libs/cache/src/adapters/typeorm/sql/tables.js';
import { TypeOrmDecisionStore } from '../../libs/cache/src/adapters/typeorm/typeorm-decision-store.js';
import { describeDecisionStore } from '../../libs/cache/src/testing/decision-store.contract.js';
import { createDatabase, type TestDatabase } from '../integration/typeorm/database.js';

let database: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  database = await createDatabase();
  dataSource = await database.connect();
});
afterAll(() => database.drop());

describeDecisionStore('PostgreSQL', async () => {
  const store = new TypeOrmDecisionStore({ dataSource });
  await store.open();
  await dataSource.query(`TRUNCATE ${DECISION_TABLE}, ${DECISION_FENCE_TABLE}, ${DECISION_PAST_TABLE}`);
  const now = async (): Promise<number> => {
    const [{ ms }] = await dataSource.query('SELECT round(extract(epoch FROM clock_timestamp()) * 1000) AS ms');
    return Number(ms);
  };
  return { store, now, close: () => store.close() };
});
