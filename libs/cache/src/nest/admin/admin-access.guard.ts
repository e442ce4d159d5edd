import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { firstValueFrom, isObservable } from 'rxjs';
import { headerOf, type HttpRequest } from '../http/http-request.js';
import { AdminAccess } from './admin-access.js';
import { AdminError } from './admin-error.js';
import { AdminGate } from './admin-gate.js';
import { peerOf } from './admin-principal.js';
import { scopeOf } from './admin-scope.js';
import { isFromThisMachine } from './loopback-request.js';
import { bearerMatches } from './token-digest.js';

const CURE =
  "To open the admin routes, set `admin: { guard: AdminGuard }` or `admin: { token: '…' }` in CacheModule.forRoot(), or `admin: { public: true }` where the network is closed by other means.";

/**
 * Stands before every admin route, behind the application's own global guards. Closed unless something opens it: a cache
 * that anybody may empty is a way to bring its application down.
 */
@Injectable()
export class AdminAccessGuard implements CanActivate {
  constructor(
    @Inject(AdminAccess) private readonly access: AdminAccess,
    @Inject(AdminGate) private readonly gate: AdminGate,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  /** @throws AdminError 401, 403 or 404, or what the application's guard throws; the refusal is in the audit by then */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    try {
      if (await this.decide(context)) return true;
    } catch (error) {
      if (error instanceof AdminError) throw await this.gate.refused(request, peerOf(request), error);
      await this.gate.refused(request, peerOf(request), guardSaysNo());
      throw error;
    }
    throw await this.gate.refused(request, peerOf(request), guardSaysNo());
  }

  private async decide(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    this.host.httpAdapter.setHeader(http.getResponse(), 'Cache-Control', 'no-store');
    refuseOtherSites(request);
    const policy = this.access.policyOf(scopeOf(context.getClass(), request));
    switch (policy.kind) {
      case 'public':
        return true;
      case 'guard': {
        const guard = await this.access.guardFor(policy.guard, request);
        const answer = guard.canActivate(context);
        return isObservable(answer) ? firstValueFrom(answer) : answer;
      }
      case 'token':
        if (bearerMatches(headerOf(request, 'authorization'), policy.digest)) return true;
        throw new AdminError(
          'LARDER_ADMIN_UNAUTHORIZED',
          'Expected the header `Authorization: Bearer <token>` with the token of the option `admin.token`, got none or another. Send that token.',
          401,
        );
      case 'roles':
        if (rolesOf(request.user).some((role) => policy.roles.includes(role))) return true;
        throw new AdminError(
          'LARDER_ADMIN_FORBIDDEN',
          'Expected `request.user.roles` to hold one of the roles of the option `admin.roles`, got none of them. Sign in as somebody who has one; a global guard of the application sets `request.user`.',
          403,
        );
      case 'loopback':
        if (isFromThisMachine(request)) return true;
        this.access.warnOnce(`An admin request from outside this machine, or through a proxy, was refused. ${CURE}`);
        throw new AdminError(
          'LARDER_ADMIN_FORBIDDEN',
          `Expected a request of this machine that came through no proxy, got one from elsewhere. ${CURE}`,
          403,
        );
      case 'off':
        throw new AdminError(
          'LARDER_ADMIN_FORBIDDEN',
          'Expected the admin routes to be in use, got `admin: false`. Leave that out, or name a guard or a token.',
          404,
        );
    }
  }
}

function guardSaysNo(): AdminError {
  return new AdminError(
    'LARDER_ADMIN_FORBIDDEN',
    'Expected a caller whom the guard of the option `admin.guard` lets pass, got another. Send the credentials that it asks for.',
    403,
  );
}

function rolesOf(user: unknown): readonly string[] {
  const { roles } = (user ?? {}) as { roles?: unknown };
  return Array.isArray(roles) ? roles : [];
}

/** A page of another site can make a browser send a request that only the browser may send. */
function refuseOtherSites(request: HttpRequest): void {
  if (headerOf(request, 'sec-fetch-site') !== 'cross-site') return;
  throw new AdminError(
    'LARDER_ADMIN_FORBIDDEN',
    'Expected a request of this site or of a program, got `Sec-Fetch-Site: cross-site`. Call the route from a page of its own origin, or from a server.',
    403,
  );
}
