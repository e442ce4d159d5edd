import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** What a customer bought. The table is not called `order`, which is a reserved word. */
@Entity('customer_order')
export class Order {
  @PrimaryGeneratedColumn()
  id: number;

  @Index()
  @Column()
  customer: string;

  @Column('int')
  productId: number;

  @Column('int')
  quantity: number;

  @Column('int')
  totalCents: number;

  @CreateDateColumn({ type: 'timestamptz' })
  placedAt: Date;
}
