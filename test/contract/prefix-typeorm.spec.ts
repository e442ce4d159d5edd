import { TypeOrmPrefixStore } from '../../libs/cache/src/adapters/typeorm/typeorm-prefix-store.js';
import { describePrefixStore } from '../../libs/cache/src/testing/prefix-store.contract.js';
import { createDatabase, type TestDatabase } from '../integration/typeorm/database.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

describePrefixStore('PostgreSQL', async () => {
  const dataSource = await database.connect();
  return {
    store: new TypeOrmPrefixStore({ dataSource }),
    // Making every row older is the same as letting time pass.
    elapse: (ms) =>
      dataSource.query(`UPDATE prompt_cache_entries SET expires_at = expires_at - $1 * interval '1 millisecond'`, [ms]),
    close: async () => {
      await dataSource.query('DELETE FROM prompt_cache_entries');
      await dataSource.destroy();
    },
  };
});
