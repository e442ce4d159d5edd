import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** An article of the shop. */
@Entity('product')
export class Product {
  @PrimaryGeneratedColumn()
  id: number;

  @Column()
  name: string;

  @Index()
  @Column()
  category: string;

  @Column('int')
  priceCents: number;

  @Column('int')
  stock: number;
}
