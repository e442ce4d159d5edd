import type { DataSource } from 'typeorm';

/** Options of `typeormDecisions()`. */
export interface TypeOrmDecisionOptions {
  /** Where the decisions live: PostgreSQL. @default given by `bind()` */
  dataSource?: DataSource;
  /** `install`: create what is missing when the store opens; `check`: only look, migrations do it. @default 'install' */
  schema?: 'install' | 'check';
  /** Largest decision that is kept, encoded: bytes, or text with a unit. @default '8mb' */
  maxPayloadBytes?: number | string;
}

export const TYPE_ORM_DECISION_DEFAULTS = Object.freeze({ schema: 'install', maxPayloadBytes: '8mb' } as const);
