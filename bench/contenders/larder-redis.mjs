import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cached, CacheActions, CacheHealth, CacheModule, CacheService } from 'nestjs-larder';
import { redis } from 'nestjs-larder/redis';
import { decorate } from './larder.mjs';

/**
 * An application over Redis.
 * @param {{ url: string, namespace?: string, memory?: object, load: (id: number) => Promise<unknown>, options?: object }} settings
 */
export async function larderOverRedis({ url, namespace = 'bench', memory, load, options = {} }) {
  class ItemService {
    async byId(id) {
      return load(id);
    }
  }
  decorate(ItemService, 'byId', Cached({ ttl: 3600, ...options }));
  class BenchModule {}
  const cache = CacheModule.forRoot({
    namespace,
    backend: redis({ url }),
    ...(memory === undefined ? {} : { memory }),
  });
  Module({ imports: [cache], providers: [ItemService] })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, { logger: false });
  const service = app.get(ItemService);
  return {
    call: (id) => service.byId(id),
    actions: app.get(CacheActions).for('item'),
    cache: app.get(CacheService),
    health: app.get(CacheHealth),
    close: () => app.close(),
  };
}
