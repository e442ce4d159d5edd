import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource, InjectRepository } from '@nestjs/typeorm';
import { installInvalidationTrigger } from 'nestjs-larder/typeorm';
import { DataSource, Repository } from 'typeorm';
import { Product } from './catalogue/product.entity.js';

const SHELF: readonly [name: string, category: string, priceCents: number][] = [
  ['Oat flakes', 'pantry', 249],
  ['Rye bread', 'bakery', 420],
  ['Apricot jam', 'pantry', 390],
  ['Espresso beans', 'drinks', 1190],
  ['Sheep cheese', 'dairy', 680],
  ['Butter', 'dairy', 310],
  ['Apple juice', 'drinks', 275],
  ['Walnuts', 'pantry', 540],
  ['Croissant', 'bakery', 165],
  ['Black tea', 'drinks', 450],
];

/** Fills an empty shop, and lets its product table invalidate whoever writes to it: the shop, psql, another service. */
@Injectable()
export class SeedData implements OnModuleInit {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @InjectRepository(Product) private readonly products: Repository<Product>,
  ) {}

  async onModuleInit(): Promise<void> {
    const queryRunner = this.dataSource.createQueryRunner();
    const trigger = { namespace: 'shop', table: 'product', entity: 'product', id: 'id', collections: ['products'] };
    try {
      await installInvalidationTrigger(queryRunner, trigger);
    } finally {
      await queryRunner.release();
    }
    if ((await this.products.count()) > 0) return;
    await this.products.save(SHELF.map(([name, category, priceCents]) => ({ name, category, priceCents, stock: 100 })));
    new Logger('Demo').log(`Filled the shelf with ${SHELF.length} products`);
  }
}
