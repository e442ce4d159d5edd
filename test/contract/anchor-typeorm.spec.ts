import { ANCHOR_TABLE } from '../../libs/cache/src/adapters/typeorm/sql/tables.js';
import { TypeOrmHistoryAnchor } from '../../libs/cache/src/adapters/typeorm/typeorm-history-anchor.js';
import { describeHistoryAnchor } from '../../libs/cache/src/testing/history-anchor.contract.js';
import { createDatabase, type DatabaseProduct, type TestDatabase } from '../integration/typeorm/database.js';

describe.each<DatabaseProduct>(['PostgreSQL', 'MariaDB'])('on %s', (product) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createDatabase(product);
  });
  afterAll(() => database.drop());

  describeHistoryAnchor(product, async () => {
    const here = await database.connect();
    const there = await database.connect();
    return {
      anchor: new TypeOrmHistoryAnchor(() => here, 'install'),
      elsewhere: new TypeOrmHistoryAnchor(() => there, 'install'),
      close: async () => {
        await here.query(`DROP TABLE ${ANCHOR_TABLE}`);
      },
    };
  });
});
