import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cached, CacheModule } from 'nestjs-larder';

/** What a compiler makes of `@Cached(3600)` on a method. */
export function decorate(type, method, decorator) {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method);
  Object.defineProperty(type.prototype, method, decorator(type.prototype, method, descriptor));
}

/** @param {import('nestjs-larder').CacheModuleOptions} [options] @param {import('@nestjs/common').LogLevel[] | false} [logger] */
async function withOptions(load, options = {}, logger = false) {
  class ItemService {
    async byId(id) {
      return load(id);
    }
  }
  decorate(ItemService, 'byId', Cached(3600));
  class BenchModule {}
  Module({ imports: [CacheModule.forRoot(options)], providers: [ItemService] })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, { logger });
  const service = app.get(ItemService);
  return { call: (id) => service.byId(id), close: () => app.close() };
}

export const larder = {
  name: 'nestjs-larder @Cached, memory tier',
  create: (load) => withOptions(load),
};

/** The same under a name and options of its own. */
export function larderWith(name, optionsOf, logger) {
  return { name, create: (load) => withOptions(load, optionsOf(), logger) };
}
