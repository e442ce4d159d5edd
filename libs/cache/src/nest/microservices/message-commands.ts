import { Inject, Injectable } from '@nestjs/common';
import { AdminCommands, type AdminReply } from '../admin/admin-commands.js';
import type { AdminAction } from '../admin/admin-request.js';
import { InvalidationCommands } from '../invalidation-api/invalidation-commands.js';
import type { DryRunReply, InvalidationReply } from '../invalidation-api/invalidation-reply.js';
import { MessageAccess } from './message-access.js';
import { requestOf } from './message-request.js';

/** Carries out what messages ask for, as the routes do. */
@Injectable()
export class MessageCommands {
  constructor(
    @Inject(AdminCommands) private readonly admin: AdminCommands,
    @Inject(InvalidationCommands) private readonly invalidations: InvalidationCommands,
    @Inject(MessageAccess) private readonly access: MessageAccess,
  ) {}

  /** @throws AdminError as the routes of a scope */
  ofScope(scope: string, action: AdminAction, payload: unknown, context: object): Promise<AdminReply> {
    const request = requestOf(`cache.${scope}.${action}`, payload);
    return this.admin.run(scope, action, request, this.access.principalOf(context));
  }

  /** @throws AdminError as `POST /invalidate/key` */
  byKeys(payload: unknown, context: object): Promise<InvalidationReply | DryRunReply> {
    return this.invalidations.byKeys(requestOf('cache.invalidate.key', payload), this.access.principalOf(context));
  }

  /** @throws AdminError as `POST /invalidate/pattern` */
  byPattern(payload: unknown, context: object): Promise<InvalidationReply | DryRunReply> {
    const request = requestOf('cache.invalidate.pattern', payload);
    return this.invalidations.byPattern(request, this.access.principalOf(context));
  }
}
