import { Module, type DynamicModule } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CacheModule } from 'nestjs-larder';
import { PrefixIndexModule } from 'nestjs-larder/prefix';
import { redis } from 'nestjs-larder/redis';
import { typeormAudit, typeormOutbox, typeormPrefixes } from 'nestjs-larder/typeorm';
import { ProductController } from './catalogue/product.controller.js';
import { Product } from './catalogue/product.entity.js';
import { ProductService } from './catalogue/product.service.js';
import { ConversationModule } from './conversations/conversation.module.js';
import { OrderController } from './orders/order.controller.js';
import { Order } from './orders/order.entity.js';
import { OrderService } from './orders/order.service.js';
import { SeedData } from './seed-data.js';

export interface ShopSettings {
  databaseUrl: string;
  /** Without it the shop caches in memory alone, which is right for a single instance. */
  redisUrl?: string | undefined;
}

/** The shop: a catalogue and orders on PostgreSQL, cached, and conversations whose prompts are known again. */
@Module({})
export class AppModule {
  static with({ databaseUrl, redisUrl }: ShopSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: databaseUrl,
          entities: [Product, Order],
          synchronize: true,
        }),
        TypeOrmModule.forFeature([Product, Order]),
        EventEmitterModule.forRoot(),
        CqrsModule.forRoot(),
        CacheModule.forRoot({
          namespace: 'shop',
          memory: { maxBytes: '64mb' },
          cacheStatus: true,
          outbox: typeormOutbox(),
          audit: typeormAudit(),
          ...(redisUrl === undefined ? {} : { backend: redis({ url: redisUrl }) }),
        }),
        CacheModule.forFeature([ProductService, OrderService]),
        PrefixIndexModule.forRoot({ store: typeormPrefixes() }),
        ConversationModule,
      ],
      controllers: [ProductController, OrderController],
      providers: [ProductService, OrderService, SeedData],
    };
  }
}
