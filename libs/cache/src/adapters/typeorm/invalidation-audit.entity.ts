import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { AUDIT_TABLE } from './sql/tables.js';

/**
 * The audit log as an entity, to be read. The database refuses to change or delete its rows, and gives every inserted one its
 * id and its place in the chain. Columns of type `bigint` are text in JavaScript.
 */
@Entity(AUDIT_TABLE)
@Index(`${AUDIT_TABLE}_request`, ['namespace', 'requestId'], { unique: true })
@Index(`${AUDIT_TABLE}_chain`, ['prevHash'], { unique: true })
export class InvalidationAudit {
  @PrimaryGeneratedColumn({ type: 'bigint' })
  id!: string;

  @Column('text')
  pattern!: string;

  @Column('jsonb', { nullable: true })
  keys!: string[] | null;

  @Column('text', { name: 'triggered_by' })
  triggeredBy!: string;

  @Column('timestamptz')
  timestamp!: Date;

  @Column('text', { name: 'request_id' })
  requestId!: string;

  @Column('bigint', { name: 'latency_ms', nullable: true })
  latencyMs!: string | null;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  @Column('text', { default: '' })
  namespace!: string;

  @Column('text', { default: '' })
  reason!: string;

  @Column('bigint', { name: 'key_count', nullable: true })
  keyCount!: string | null;

  @Column('text', { name: 'request_hash', default: '' })
  requestHash!: string;

  @Column('text', { name: 'prev_hash', nullable: true })
  prevHash!: string | null;

  @Column('text', { nullable: true })
  hash!: string | null;
}
