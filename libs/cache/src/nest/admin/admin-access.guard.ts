import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { firstValueFrom, isObservable } from 'rxjs';
import { headerOf, type HttpRequest } from '../http/http-request.js';
import { AdminAccess } from './admin-access.js';
import { AdminError } from './admin-error.js';
import { adminScopeOf } from './admin-scope.js';
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
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  /** @throws AdminError 401, 403 or 404 */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    this.host.httpAdapter.setHeader(http.getResponse(), 'Cache-Control', 'no-store');
    refuseOtherSites(request);
    const policy = this.access.policyOf(adminScopeOf(context.getClass(), request));
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

/** A page of another site can make a browser send a request that only the browser may send. */
function refuseOtherSites(request: HttpRequest): void {
  if (headerOf(request, 'sec-fetch-site') !== 'cross-site') return;
  throw new AdminError(
    'LARDER_ADMIN_FORBIDDEN',
    'Expected a request of this site or of a program, got `Sec-Fetch-Site: cross-site`. Call the route from a page of its own origin, or from a server.',
    403,
  );
}
