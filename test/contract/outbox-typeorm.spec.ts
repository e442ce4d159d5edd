import type { DataSource } from 'typeorm';
import { OUTBOX_TABLE } from '../../libs/cache/src/adapters/typeorm/sql/tables.js';
import { TypeOrmOutboxStore } from '../../libs/cache/src/adapters/typeorm/typeorm-outbox-store.js';
import { describeOutboxStore } from '../../libs/cache/src/testing/outbox-store.contract.js';
import { createDatabase, type DatabaseProduct, type TestDatabase } from '../integration/typeorm/database.js';

describe.each<DatabaseProduct>(['PostgreSQL', 'MariaDB'])('on %s', (product) => {
  let database: TestDatabase;
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await createDatabase(product);
    dataSource = await database.connect();
  });
  afterAll(() => database.drop());

  describeOutboxStore(product, async () => {
    const store = new TypeOrmOutboxStore({ dataSource, listen: false });
    await store.open();
    await dataSource.query(`TRUNCATE ${OUTBOX_TABLE}`);
    return {
      store,
      // Making every row older is the same as letting time pass.
      elapse: (ms) =>
        dataSource.query(
          `UPDATE ${OUTBOX_TABLE} SET created_at_ms = created_at_ms - ${ms}, available_at_ms = available_at_ms - ${ms},
             claimed_at_ms = claimed_at_ms - ${ms}, published_at_ms = published_at_ms - ${ms}`,
        ),
      close: () => store.close(),
    };
  });
});
