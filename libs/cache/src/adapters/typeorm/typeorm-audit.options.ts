import type { DataSource } from 'typeorm';

/** Options of `typeormAudit()`. */
export interface TypeOrmAuditOptions {
  /** Where the log lives. @default given by `bind()` */
  dataSource?: DataSource;
  /** `install`: create what is missing when the store opens; `check`: only look, migrations do it. @default 'install' */
  schema?: 'install' | 'check';
}

export const TYPE_ORM_AUDIT_DEFAULTS = Object.freeze({ schema: 'install' } as const);
