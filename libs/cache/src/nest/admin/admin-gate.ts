import { Inject, Injectable } from '@nestjs/common';
import { CacheRuntime } from '../cache-runtime.js';
import { pathOf, type HttpRequest } from '../http/http-request.js';
import { AdminAccess } from './admin-access.js';
import { AdminError } from './admin-error.js';
import { peerOf, principalOf } from './admin-principal.js';
import { ADMIN_DEFAULTS, type AdminCommand, type AdminOptions, type AdminPrincipal } from './admin.options.js';
import { RefusalLog } from './refusal-log.js';
import { RequestRate } from './request-rate.js';

/** What a request is about to do, in every scope that it may touch; `null`: any. */
export interface AdminIntention {
  readonly command: AdminCommand;
  readonly scopes: readonly (string | null)[];
}

/** Behind the guard, before the deed: how often, and to which scope. */
@Injectable()
export class AdminGate {
  private readonly rate: RequestRate;
  private readonly limits: { readonly commands: number; readonly clears: number };

  constructor(
    @Inject(CacheRuntime) runtime: CacheRuntime,
    @Inject(AdminAccess) private readonly access: AdminAccess,
    @Inject(RefusalLog) private readonly refusals: RefusalLog,
  ) {
    this.rate = new RequestRate(runtime.clock);
    const {
      commandsPerMinute = ADMIN_DEFAULTS.commandsPerMinute,
      clearsPerMinute = ADMIN_DEFAULTS.clearsPerMinute,
    }: AdminOptions = runtime.options.admin || {};
    this.limits = { commands: commandsPerMinute, clears: clearsPerMinute };
  }

  /**
   * Who asks, once all that may refuse it has been asked.
   *
   * @param principal who it is, where another way than HTTP has found that out
   * @throws AdminError 403 or 429; the refusal is in the audit by then
   */
  async pass(
    request: HttpRequest,
    { command, scopes }: AdminIntention,
    principal: AdminPrincipal = principalOf(request, this.access.policyOf(scopes[0] ?? null)),
  ): Promise<AdminPrincipal> {
    await this.take(request, principal, 'commands', this.limits.commands);
    if (command === 'clear') await this.take(request, principal, 'clears', this.limits.clears);
    for (const scope of scopes) {
      const allowed = this.access.authorisationOf(scope);
      if (allowed === undefined || (await allowed(principal, scope, command)) === true) continue;
      throw await this.refused(
        request,
        principal.name,
        new AdminError(
          'LARDER_ADMIN_FORBIDDEN',
          `Expected a caller that may ${command} ${scope === null ? 'in every scope' : `in the scope \`${scope}\``}, got one for whom \`admin.canInvalidate\` says no. Ask for less, or as somebody else.`,
          403,
        ),
      );
    }
    return principal;
  }

  /** Counts a request that only looks, and may be costly. @throws AdminError 429 */
  async look(request: HttpRequest): Promise<void> {
    await this.take(request, principalOf(request, this.access.policyOf(null)), 'looks', this.limits.commands);
  }

  /** Records the refusal; returns it to be thrown. */
  async refused(request: HttpRequest, who: string | null, error: AdminError): Promise<AdminError> {
    await this.refusals.note(`${request.method} ${pathOf(request).slice(0, 256)}`, who ?? peerOf(request), error.code);
    return error;
  }

  private async take(request: HttpRequest, { name }: AdminPrincipal, kind: string, limit: number): Promise<void> {
    const waitMs = this.rate.take(`${kind} ${name}`, limit);
    if (waitMs === 0) return;
    const seconds = Math.ceil(waitMs / 1000);
    const error = new AdminError(
      'LARDER_RATE_LIMITED',
      `Expected at most ${limit} ${kind} per minute of one caller, got more. Wait ${seconds} seconds; one pattern can stand for many keys.`,
      429,
      { retry_after: seconds },
    );
    throw await this.refused(request, name, error);
  }
}
