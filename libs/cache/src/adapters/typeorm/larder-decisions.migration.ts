import type { MigrationInterface, QueryRunner } from 'typeorm';
import { assertSupported } from './dialects.js';
import { dropDecisions, installSchema } from './schema.js';
import { DECISION_TABLE } from './sql/tables.js';

/**
 * The decision cache's tables as a TypeORM migration, for applications whose schema is changed by migrations alone: list it
 * in `migrations` and open the store with `schema: 'check'`. PostgreSQL only.
 */
export class LarderDecisions1764288000000 implements MigrationInterface {
  readonly name = 'LarderDecisions1764288000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await assertSupported(queryRunner.connection, 'decisions');
    await installSchema(queryRunner, DECISION_TABLE);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await dropDecisions(queryRunner);
  }
}
