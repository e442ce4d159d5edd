import { Check, Column, Entity, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { PREFIX_ORDER_SEQUENCE, PREFIX_TABLE } from './sql/tables.js';

/**
 * The table of the prefix index as an entity, for applications that look into it or make their migrations with TypeORM.
 * Larder itself does not need it to be registered. Columns of type `bigint` are text in JavaScript.
 */
@Entity(PREFIX_TABLE)
@Unique(`${PREFIX_TABLE}_scope`, ['principalId', 'virtualModel', 'tokenizerVersion', 'prefixHash'])
@Check(`${PREFIX_TABLE}_tier`, `ttl_tier IN ('5m', '1h', '24h')`)
@Index(`${PREFIX_TABLE}_expiry`, ['expiresAt'])
export class PromptCacheEntry {
  @PrimaryGeneratedColumn({ type: 'bigint' })
  id!: string;

  @Column('uuid', { name: 'principal_id' })
  principalId!: string;

  @Column('text', { name: 'virtual_model' })
  virtualModel!: string;

  @Column('text', { name: 'tokenizer_version' })
  tokenizerVersion!: string;

  @Column('bytea', { name: 'prefix_hash' })
  prefixHash!: Buffer;

  @Column('integer', { name: 'cumulative_token_count' })
  cumulativeTokenCount!: number;

  @Column('text', { name: 'ttl_tier' })
  ttlTier!: string;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  /** Orders writes and fences. */
  @Column('bigint', { default: () => `nextval('${PREFIX_ORDER_SEQUENCE}')` })
  seq!: string;
}
