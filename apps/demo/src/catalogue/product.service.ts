import { Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Cached, CachedMany, CacheScope, Invalidates, InvalidateOn } from 'nestjs-larder';
import { ILike, In, Repository } from 'typeorm';
import { OrderPlaced } from '../orders/order-placed.event.js';
import { Product } from './product.entity.js';

export interface CategorySummary {
  category: string;
  products: number;
  cheapestCents: number;
}

/** Reads are cached, writes say what they touch; there is no other cache code in the shop. */
@CacheScope('product')
@Injectable()
export class ProductService {
  constructor(@InjectRepository(Product) private readonly products: Repository<Product>) {}

  /** One product; dies with the product, or when an order takes from its stock. */
  @Cached<ProductService['getProduct']>({ ttl: 60, entities: (_product, id) => [['product', id]] })
  @InvalidateOn(OrderPlaced, (order: OrderPlaced) => [order.productId])
  async getProduct(id: number): Promise<Product> {
    const product = await this.products.findOneBy({ id });
    if (product === null) throw new NotFoundException(`There is no product ${id}.`);
    return product;
  }

  /** A search; dies when any product of its result does, or when the list of products changes. */
  @Cached<ProductService['search']>({
    ttl: '30s',
    collections: ['products'],
    entities: (found) => found.map((product) => ['product', product.id]),
  })
  async search(query: { text?: string; category?: string }): Promise<Product[]> {
    const { text = '', category } = query;
    const where = { name: ILike(`%${text}%`), ...(category === undefined ? {} : { category }) };
    return this.products.find({ where, order: { id: 'ASC' }, take: 50 });
  }

  /** Many products by id: each is cached by itself, only the missing ones are queried. */
  @CachedMany<ProductService['byIds']>({
    ttl: '5m',
    id: (product) => product.id,
    entities: (_product, id) => [['product', id]],
  })
  async byIds(ids: number[]): Promise<Product[]> {
    return this.products.findBy({ id: In(ids) });
  }

  /** The shop window: dies as a whole when a price changed anywhere. */
  @Cached('5m')
  @InvalidateOn('price.changed')
  async categories(): Promise<CategorySummary[]> {
    const rows = await this.products
      .createQueryBuilder('product')
      .select('product.category', 'category')
      .addSelect('COUNT(*)::int', 'products')
      .addSelect('MIN(product."priceCents")::int', 'cheapestCents')
      .groupBy('product.category')
      .orderBy('product.category')
      .getRawMany<CategorySummary>();
    return rows;
  }

  @Invalidates<ProductService['setPrice']>({ entities: (product) => [['product', product.id]] })
  async setPrice(id: number, priceCents: number): Promise<Product> {
    const { affected } = await this.products.update({ id }, { priceCents });
    if (affected === 0) throw new NotFoundException(`There is no product ${id}.`);
    return this.products.findOneByOrFail({ id });
  }

  @Invalidates<ProductService['add']>({ collections: ['products'], entities: (product) => [['product', product.id]] })
  async add(product: Omit<Product, 'id'>): Promise<Product> {
    return this.products.save(this.products.create(product));
  }
}
