import { Global, Inject, Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { CacheRuntime } from '../cache-runtime.js';
import { cacheStatusMiddleware } from './cache-status.middleware.js';

/**
 * Puts the `Cache-Status` header on answers where the option `cacheStatus` asks for it; where it does not, nothing is
 * registered and nothing listens. Global, so that it comes before the application's own middleware.
 */
@Global()
@Module({})
export class CacheStatusModule implements NestModule {
  constructor(@Inject(CacheRuntime) private readonly runtime: CacheRuntime) {}

  configure(consumer: MiddlewareConsumer): void {
    const { options, events, keyPolicy } = this.runtime;
    if (options.cacheStatus === true) consumer.apply(cacheStatusMiddleware(events, keyPolicy)).forRoutes('{*path}');
  }
}
