import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { DECISION_TABLE } from './sql/tables.js';

/**
 * A row of the decision cache, to be read beside your own entities. It is written by the decision store alone: what is
 * changed here behind its back stays in the caches in front until it is invalidated.
 */
@Entity({ name: DECISION_TABLE, synchronize: false })
export class DecisionEntity {
  @PrimaryColumn({ type: 'text' })
  namespace!: string;

  @PrimaryColumn({ name: 'veri_key', type: 'text' })
  veriKey!: string;

  @Index()
  @Column({ name: 'policy_hash', type: 'text' })
  policyHash!: string;

  @Index()
  @Column({ name: 'signer_set_hash', type: 'text' })
  signerSetHash!: string;

  @Column({ name: 'feed_epoch', type: 'text' })
  feedEpoch!: string;

  /** The epoch in bytes whose order is that of epochs. */
  @Index()
  @Column({ name: 'epoch_key', type: 'bytea' })
  epochKey!: Buffer;

  @Column({ name: 'input_digests', type: 'jsonb', nullable: true })
  inputDigests!: Record<string, string> | null;

  /** The decision, in the codec of the shared tiers. */
  @Column({ type: 'bytea' })
  decision!: Buffer;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;

  @Index()
  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;

  @Column({ type: 'bigint' })
  version!: string;
}
