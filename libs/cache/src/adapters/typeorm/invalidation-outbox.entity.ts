import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import { OUTBOX_TABLE } from './sql/tables.js';

/**
 * The outbox table as an entity, for applications that look into it (`repository.findBy({ state: 'dead' })`) or make their
 * migrations with TypeORM. Larder itself does not need it to be registered. Columns of type `bigint` are text in JavaScript.
 */
@Entity(OUTBOX_TABLE)
@Unique(`${OUTBOX_TABLE}_target`, ['namespace', 'commitPosition', 'targetHash'])
@Check(`${OUTBOX_TABLE}_state`, `state IN ('pending', 'published', 'dead')`)
@Index(`${OUTBOX_TABLE}_pending`, ['namespace', 'availableAtMs', 'createdAtMs', 'id'], { where: `state = 'pending'` })
@Index(`${OUTBOX_TABLE}_dead`, ['namespace', 'createdAtMs'], { where: `state = 'dead'` })
@Index(`${OUTBOX_TABLE}_published`, ['namespace', 'publishedAtMs'], { where: `state = 'published'` })
@Index(`${OUTBOX_TABLE}_attempts`, ['namespace', 'attempts'], { where: 'attempts > 0' })
export class InvalidationOutbox {
  @PrimaryColumn('text', { collation: 'C' })
  id!: string;

  @Column('text')
  namespace!: string;

  @Column('text', { name: 'commit_position' })
  commitPosition!: string;

  @Column('text', { name: 'target_hash' })
  targetHash!: string;

  @Column('text', { name: 'intent_kind' })
  intentKind!: string;

  @Column('text', { name: 'cache_key', nullable: true })
  cacheKey!: string | null;

  @Column('text', { name: 'cache_tag', nullable: true })
  cacheTag!: string | null;

  @Column('text', { name: 'entity_name', nullable: true })
  entityName!: string | null;

  @Column('text', { name: 'collection_name', nullable: true })
  collectionName!: string | null;

  @Column('text', { default: '' })
  reason!: string;

  @Column('text', { name: 'payload_json', nullable: true })
  payloadJson!: string | null;

  @Column('bigint', { name: 'created_at_ms' })
  createdAtMs!: string;

  @Column('bigint', { name: 'available_at_ms' })
  availableAtMs!: string;

  @Column('bigint', { name: 'claimed_at_ms', nullable: true })
  claimedAtMs!: string | null;

  @Column('text', { name: 'claim_owner', nullable: true })
  claimOwner!: string | null;

  @Column('bigint', { name: 'published_at_ms', nullable: true })
  publishedAtMs!: string | null;

  @Column('integer', { default: 0 })
  attempts!: number;

  @Column('text', { default: 'pending' })
  state!: string;

  @Column('text', { name: 'last_error', nullable: true })
  lastError!: string | null;

  @Column('bigint', { name: 'claim_seq', default: 0 })
  claimSeq!: string;

  @Column({ type: 'text', name: 'applied_pos', nullable: true, collation: 'C' })
  appliedPos!: string | null;
}
