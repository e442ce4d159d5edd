import type { MigrationInterface, QueryRunner } from 'typeorm';
import { dialectOf } from './dialects.js';
import { dropSchema, installSchema } from './schema.js';
import { ANCHOR_TABLE, AUDIT_TABLE, OUTBOX_TABLE } from './sql/tables.js';

/**
 * Outbox, anchor and audit log as a TypeORM migration, for applications whose schema is changed by migrations alone: list it in
 * `migrations` and open the stores with `schema: 'check'`. Going down deletes the audit log, which MariaDB and MySQL do not have.
 */
export class LarderSchema1763596800000 implements MigrationInterface {
  readonly name = 'LarderSchema1763596800000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await installSchema(queryRunner, OUTBOX_TABLE);
    await installSchema(queryRunner, ANCHOR_TABLE);
    if (dialectOf(queryRunner.connection).keepsAudit) await installSchema(queryRunner, AUDIT_TABLE);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await dropSchema(queryRunner);
  }
}
