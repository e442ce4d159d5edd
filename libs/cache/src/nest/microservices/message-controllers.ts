import { Controller, Inject, UseFilters, UseGuards, type Type } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import type { AdminReply } from '../admin/admin-commands.js';
import type { DryRunReply, InvalidationReply } from '../invalidation-api/invalidation-reply.js';
import { MessageAccessGuard } from './message-access.guard.js';
import { MessageCommands } from './message-commands.js';
import { MessageErrorFilter } from './message-error.filter.js';

/**
 * The patterns of one scope. A message that wants no answer (`emit`) finds the same handlers. The payload is taken whole: a
 * pipe or a type of the application has no say in it.
 */
export function scopeMessages(scope: string): Type {
  @Controller()
  @UseGuards(MessageAccessGuard)
  @UseFilters(MessageErrorFilter)
  class CacheScopeMessages {
    constructor(@Inject(MessageCommands) private readonly commands: MessageCommands) {}

    @MessagePattern(`cache.${scope}.clear`)
    clear(@Payload() payload: unknown, @Ctx() context: object): Promise<AdminReply> {
      return this.commands.ofScope(scope, 'clear', payload, context);
    }

    @MessagePattern(`cache.${scope}.delete`)
    delete(@Payload() payload: unknown, @Ctx() context: object): Promise<AdminReply> {
      return this.commands.ofScope(scope, 'delete', payload, context);
    }

    @MessagePattern(`cache.${scope}.revoke`)
    revoke(@Payload() payload: unknown, @Ctx() context: object): Promise<AdminReply> {
      return this.commands.ofScope(scope, 'revoke', payload, context);
    }
  }
  return CacheScopeMessages;
}

/** The patterns over the whole namespace. */
export function namespaceMessages(): Type {
  @Controller()
  @UseGuards(MessageAccessGuard)
  @UseFilters(MessageErrorFilter)
  class CacheNamespaceMessages {
    constructor(@Inject(MessageCommands) private readonly commands: MessageCommands) {}

    @MessagePattern('cache.invalidate.key')
    byKeys(@Payload() payload: unknown, @Ctx() context: object): Promise<InvalidationReply | DryRunReply> {
      return this.commands.byKeys(payload, context);
    }

    @MessagePattern('cache.invalidate.pattern')
    byPattern(@Payload() payload: unknown, @Ctx() context: object): Promise<InvalidationReply | DryRunReply> {
      return this.commands.byPattern(payload, context);
    }
  }
  return CacheNamespaceMessages;
}
