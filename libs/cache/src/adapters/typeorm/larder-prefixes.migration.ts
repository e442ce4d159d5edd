import type { MigrationInterface, QueryRunner } from 'typeorm';
import { assertSupported } from './dialects.js';
import { dropPrefixes, installSchema } from './schema.js';
import { PREFIX_TABLE } from './sql/tables.js';

/**
 * The prefix index as a TypeORM migration, for applications whose schema is changed by migrations alone: list it in
 * `migrations` and open the store with `schema: 'check'`. Going down deletes the index.
 */
export class LarderPrefixes1764201600000 implements MigrationInterface {
  readonly name = 'LarderPrefixes1764201600000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await assertSupported(queryRunner.connection, 'prefixes');
    await installSchema(queryRunner, PREFIX_TABLE);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await dropPrefixes(queryRunner);
  }
}
