import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
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

/** Fills an empty shop. */
@Injectable()
export class SeedData implements OnModuleInit {
  constructor(@InjectRepository(Product) private readonly products: Repository<Product>) {}

  async onModuleInit(): Promise<void> {
    if ((await this.products.count()) > 0) return;
    await this.products.save(SHELF.map(([name, category, priceCents]) => ({ name, category, priceCents, stock: 100 })));
    new Logger('Demo').log(`Filled the shelf with ${SHELF.length} products`);
  }
}
