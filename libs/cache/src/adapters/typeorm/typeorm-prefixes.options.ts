import type { DataSource } from 'typeorm';

/** Options of `typeormPrefixes()`. */
export interface TypeOrmPrefixesOptions {
  /** Where the index lives: PostgreSQL. @default given by `bind()` */
  dataSource?: DataSource;
  /** `install`: create what is missing when the store opens; `check`: only look, migrations do it. @default 'install' */
  schema?: 'install' | 'check';
  /** How often a statement is repeated whose connection failed, after 100 ms, 200 ms, … @default 1 */
  retries?: number;
}

export const TYPE_ORM_PREFIXES_DEFAULTS = Object.freeze({ schema: 'install', retries: 1 } as const);
