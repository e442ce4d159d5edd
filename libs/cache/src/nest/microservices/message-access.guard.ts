import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { MessageAccess } from './message-access.js';

/** Stands before every message pattern of the cache. Closed unless something opens it. */
@Injectable()
export class MessageAccessGuard implements CanActivate {
  constructor(@Inject(MessageAccess) private readonly access: MessageAccess) {}

  /** @throws AdminError 401 or 403, or what the application's guard throws */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    await this.access.admit(context);
    return true;
  }
}
