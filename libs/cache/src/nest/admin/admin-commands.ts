import { Inject, Injectable } from '@nestjs/common';
import { CacheError } from '../../core/errors/cache-error.js';
import type { InvalidateOptions, InvalidationResult } from '../../core/invalidation/invalidation-service.js';
import { CacheActions, type ScopeActions } from '../cache-actions.js';
import { CacheRegistry } from '../cache-registry.js';
import type { HttpRequest } from '../http/http-request.js';
import { AdminError } from './admin-error.js';
import { AdminGate } from './admin-gate.js';
import type { AdminPrincipal } from './admin.options.js';
import { readAdminOrder, type AdminAction, type AdminOrder } from './admin-request.js';

/** What an admin route answers. Names as on the wire. */
export interface AdminReply {
  readonly success: true;
  readonly scope: string;
  readonly action: AdminAction;
  readonly key?: string;
  readonly pattern?: string;
  /** Entries removed, as far as this instance and the shared tier can tell at once. */
  readonly invalidated_count: number;
  readonly request_id: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Carries out what the admin routes are asked for (REQ-002-26). */
@Injectable()
export class AdminCommands {
  constructor(
    @Inject(CacheActions) private readonly actions: CacheActions,
    @Inject(CacheRegistry) private readonly registry: CacheRegistry,
    @Inject(AdminGate) private readonly gate: AdminGate,
  ) {}

  /** @throws AdminError 400, 403, 404, 413, 415, 429, or 503 where the invalidation was not applied: never success then (G7) */
  async run(scope: string, action: AdminAction, request: HttpRequest, principal?: AdminPrincipal): Promise<AdminReply> {
    const scoped = this.actionsOf(scope);
    const order = readAdminOrder(action, request);
    const { name } = await this.gate.pass(request, { command: action, scopes: [scope] }, principal);
    const { removed, requestId, at } = await carryOut(scoped, action, order, { actor: name });
    const { key, pattern } = order;
    return {
      success: true,
      scope,
      action,
      ...(key === undefined ? {} : { key }),
      ...(pattern === undefined ? {} : { pattern }),
      invalidated_count: removed,
      request_id: requestId,
      at: new Date(at).toISOString(),
    };
  }

  private actionsOf(scope: string): ScopeActions {
    try {
      return this.actions.for(scope);
    } catch (error) {
      if (!(error instanceof CacheError)) throw error;
      const details = { known_scopes: this.registry.scopes() };
      throw new AdminError(error.code, error.message, 404, details, { cause: error });
    }
  }
}

async function carryOut(
  actions: ScopeActions,
  action: AdminAction,
  { key, pattern, reason }: AdminOrder,
  who: InvalidateOptions,
): Promise<InvalidationResult> {
  const options = reason === undefined ? who : { ...who, reason };
  try {
    switch (action) {
      case 'clear':
        return await actions.clear(options);
      case 'delete':
        return await actions.delete(key!, options);
      case 'revoke':
        return await actions.revoke(pattern!, options);
    }
  } catch (error) {
    throw refusalOf(error);
  }
}

/** What the cache found wrong with the request, or that it could not be carried out. */
export function refusalOf(error: unknown): AdminError {
  const code = error instanceof CacheError ? error.code : 'LARDER_INVALIDATION_FAILED';
  const message = error instanceof Error ? error.message : String(error);
  switch (code) {
    case 'LARDER_KEY_INVALID':
      return new AdminError(code, message, 400, { field: 'key' }, { cause: error });
    case 'LARDER_PATTERN_INVALID':
    case 'LARDER_PATTERN_TOO_LONG':
      return new AdminError(code, message, 400, { field: 'pattern' }, { cause: error });
    default:
      return new AdminError(
        code,
        'Expected the invalidation to reach the log, got a failure: other instances may still serve the old values. Repeat the request; that is harmless.',
        503,
        {},
        { cause: error },
      );
  }
}
