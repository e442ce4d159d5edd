import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { hashSql } from '../../libs/cache/src/adapters/typeorm/sql/hash.js';
import { hashPartsHex } from '../../libs/cache/src/core/hash/length-prefixed-hash.js';
import { createDatabase, type TestDatabase } from '../integration/typeorm/database.js';

describe('the hash of the outbox in PostgreSQL', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await createDatabase();
    dataSource = await database.connect();
  });
  afterAll(() => database.drop());

  it('is that of the core, for any text that a database can hold', async () => {
    const text = fc.string({ unit: 'binary' }).map((any) => any.replaceAll('\0', ''));
    const lists = fc.array(fc.tuple(text, text, text), { minLength: 50, maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(lists, async (parts) => {
        const columns = [0, 1, 2].map((i) => parts.map((each) => each[i]));
        const rows = await dataSource.query(
          `SELECT ${hashSql('a', 'b', 'c')} AS hash FROM unnest($1::text[], $2::text[], $3::text[])
             WITH ORDINALITY AS part(a, b, c, place) ORDER BY place`,
          columns,
        );
        expect(rows.map(({ hash }: { hash: string }) => hash)).toEqual(parts.map(([a, b, c]) => hashPartsHex(a, b, c)));
      }),
      { numRuns: 40 },
    );
  });
});
