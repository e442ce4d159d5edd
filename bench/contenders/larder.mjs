import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cached, CacheModule } from 'nestjs-larder';

/** What a compiler makes of `@Cached(3600)` on a method. */
export function decorate(type, method, decorator) {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method);
  Object.defineProperty(type.prototype, method, decorator(type.prototype, method, descriptor));
}

export const larder = {
  name: 'nestjs-larder @Cached, memory tier',
  async create(load) {
    class ItemService {
      async byId(id) {
        return load(id);
      }
    }
    decorate(ItemService, 'byId', Cached(3600));
    class BenchModule {}
    Module({ imports: [CacheModule.forRoot()], providers: [ItemService] })(BenchModule);
    const app = await NestFactory.createApplicationContext(BenchModule, { logger: false });
    const service = app.get(ItemService);
    return { call: (id) => service.byId(id), close: () => app.close() };
  },
};
