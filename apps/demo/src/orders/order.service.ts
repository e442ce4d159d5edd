import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { EventBus } from '@nestjs/cqrs';
import { InjectDataSource, InjectRepository } from '@nestjs/typeorm';
import { Cached, CacheScope, InvalidateOn } from 'nestjs-larder';
import { DataSource, Repository } from 'typeorm';
import { Product } from '../catalogue/product.entity.js';
import { OrderPlaced } from './order-placed.event.js';
import { Order } from './order.entity.js';

@CacheScope('order')
@Injectable()
export class OrderService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    private readonly events: EventBus,
  ) {}

  /** A customer's orders; die when the customer orders. */
  @Cached('10m')
  @InvalidateOn(OrderPlaced, (order: OrderPlaced) => [order.customer])
  async ofCustomer(customer: string): Promise<Order[]> {
    return this.orders.find({ where: { customer }, order: { id: 'DESC' }, take: 50 });
  }

  /** Takes the goods from stock and writes the order in one transaction, then says so. */
  async place(customer: string, productId: number, quantity: number): Promise<Order> {
    const order = await this.dataSource.transaction(async (manager) => {
      const product = await manager.findOne(Product, { where: { id: productId }, lock: { mode: 'pessimistic_write' } });
      if (product === null) throw new NotFoundException(`There is no product ${productId}.`);
      if (product.stock < quantity) throw new ConflictException(`Only ${product.stock} of '${product.name}' are left.`);
      await manager.update(Product, { id: productId }, { stock: product.stock - quantity });
      const totalCents = product.priceCents * quantity;
      return manager.save(manager.create(Order, { customer, productId, quantity, totalCents }));
    });
    this.events.publish(new OrderPlaced(order.id, productId, customer));
    return order;
  }
}
