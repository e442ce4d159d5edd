import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { modelOf } from '../interception/class-model.js';
import { resolveMessagePolicy, type CacheMessagesOptions } from './cache-messages.options.js';
import { namespaceMessages, scopeMessages } from './message-controllers.js';
import { MESSAGE_POLICY, MessageAccess } from './message-access.js';
import { MessageCommands } from './message-commands.js';

/**
 * The admin actions as message patterns, for applications with a microservice: `cache.<scope>.clear`, `.delete` and `.revoke`,
 * `cache.invalidate.key` and `cache.invalidate.pattern`. Payloads, limits, audit and refusals are those of the routes.
 */
@Module({})
export class CacheMessagesModule {
  /** @throws CacheError `LARDER_OPTION_INVALID`, or naming class and method where a decorator of a service cannot work */
  static forRoot(options: CacheMessagesOptions = {}): DynamicModule {
    const scopes = [...new Set((options.services ?? []).flatMap(scopeWithCachedMethods))];
    return {
      module: CacheMessagesModule,
      controllers: [namespaceMessages(), ...scopes.map(scopeMessages)],
      providers: [{ provide: MESSAGE_POLICY, useValue: resolveMessagePolicy(options) }, MessageAccess, MessageCommands],
    };
  }
}

/** A service without cached methods has none. */
function scopeWithCachedMethods(service: Type): string[] {
  const { scope, methods } = modelOf(service.prototype as object);
  return methods.some(({ declaration }) => declaration.kind !== 'invalidates') ? [scope] : [];
}
