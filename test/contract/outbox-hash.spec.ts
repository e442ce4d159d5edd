import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { hashSql as hashOfMysql } from '../../libs/cache/src/adapters/typeorm/sql/mysql/hash.js';
import { hashSql as hashOfPostgres } from '../../libs/cache/src/adapters/typeorm/sql/postgres/hash.js';
import { hashPartsHex } from '../../libs/cache/src/core/hash/length-prefixed-hash.js';
import { createDatabase, type DatabaseProduct, type TestDatabase } from '../integration/typeorm/database.js';

type Parts = readonly [string, string, string];
const PRODUCTS: { product: DatabaseProduct; ask: (dataSource: DataSource, parts: Parts[]) => Promise<unknown> }[] = [
  {
    product: 'PostgreSQL',
    ask: (dataSource, parts) =>
      dataSource.query(
        `SELECT ${hashOfPostgres('a', 'b', 'c')} AS hash FROM unnest($1::text[], $2::text[], $3::text[])
           WITH ORDINALITY AS part(a, b, c, place) ORDER BY place`,
        [0, 1, 2].map((i) => parts.map((each) => each[i])),
      ),
  },
  {
    product: 'MariaDB',
    ask: (dataSource, parts) =>
      dataSource.query(
        `SELECT ${hashOfMysql('a', 'b', 'c')} AS hash FROM (
           ${parts.map((_, place) => `SELECT ${place} AS place, ? AS a, ? AS b, ? AS c`).join(' UNION ALL ')}
         ) AS part ORDER BY place`,
        parts.flat(),
      ),
  },
];

describe.each(PRODUCTS)('the hash of the outbox in $product', ({ product, ask }) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await createDatabase(product);
    dataSource = await database.connect();
  });
  afterAll(() => database.drop());

  it('is that of the core, for any text that a database can hold', async () => {
    const text = fc.string({ unit: 'binary' }).map((any) => any.replaceAll('\0', ''));
    const lists = fc.array(fc.tuple(text, text, text), { minLength: 50, maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(lists, async (parts) => {
        const rows = await ask(dataSource, parts);
        expect(rows).toEqual(parts.map(([a, b, c]) => ({ hash: hashPartsHex(a, b, c) })));
      }),
      { numRuns: 40 },
    );
  });
});
