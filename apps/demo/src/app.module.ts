import { Module, type DynamicModule } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CacheModule } from 'nestjs-larder';
import { ProductController } from './catalogue/product.controller.js';
import { Product } from './catalogue/product.entity.js';
import { ProductService } from './catalogue/product.service.js';
import { OrderController } from './orders/order.controller.js';
import { Order } from './orders/order.entity.js';
import { OrderService } from './orders/order.service.js';
import { SeedData } from './seed-data.js';

/** The shop: a catalogue and orders on PostgreSQL, cached. */
@Module({})
export class AppModule {
  static with(settings: { databaseUrl: string }): DynamicModule {
    return {
      module: AppModule,
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: settings.databaseUrl,
          entities: [Product, Order],
          synchronize: true,
        }),
        TypeOrmModule.forFeature([Product, Order]),
        EventEmitterModule.forRoot(),
        CqrsModule.forRoot(),
        CacheModule.forRoot({ namespace: 'shop', memory: { maxBytes: '64mb' }, cacheStatus: true }),
        CacheModule.forFeature([ProductService, OrderService]),
      ],
      controllers: [ProductController, OrderController],
      providers: [ProductService, OrderService, SeedData],
    };
  }
}
