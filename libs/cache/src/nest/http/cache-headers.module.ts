import { Global, Inject, Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { CacheRuntime } from '../cache-runtime.js';
import { cachePositionMiddleware } from './cache-position.middleware.js';
import { cacheStatusMiddleware } from './cache-status.middleware.js';

/**
 * Puts the headers on answers that the options `cacheStatus` and `cachePosition` ask for; where they do not, nothing is
 * registered and nothing listens. Global, so that it comes before the application's own middleware.
 */
@Global()
@Module({})
export class CacheHeadersModule implements NestModule {
  constructor(@Inject(CacheRuntime) private readonly runtime: CacheRuntime) {}

  configure(consumer: MiddlewareConsumer): void {
    const { options, events, keyPolicy, positions, main, invalidations } = this.runtime;
    if (options.cacheStatus === true) consumer.apply(cacheStatusMiddleware(events, keyPolicy)).forRoutes('{*path}');
    if (positions === null) return;
    consumer.apply(cachePositionMiddleware(positions, main.log, invalidations.events)).forRoutes('{*path}');
  }
}
