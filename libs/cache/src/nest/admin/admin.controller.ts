import { Controller, HttpCode, Inject, Post, Req, UseFilters, UseGuards, type Type } from '@nestjs/common';
import type { HttpRequest } from '../http/http-request.js';
import { AdminAccessGuard } from './admin-access.guard.js';
import { AdminCommands, type AdminReply } from './admin-commands.js';
import { AdminErrorFilter } from './admin-error.filter.js';
import { describeAdminRoutes } from './admin-openapi.js';
import { adminScopeOf, bindAdminScope } from './admin-scope.js';

/**
 * The three routes of one scope, or with `null` of every scope, by path parameter. An ordinary controller, so that global
 * prefix, versioning, global guards and Swagger apply. The request is read whole: a pipe or a body type of the
 * application has no say in it.
 */
export function adminController(scope: string | null): Type {
  @Controller(scope ?? ':scope')
  @UseGuards(AdminAccessGuard)
  @UseFilters(AdminErrorFilter)
  class CacheAdminController {
    constructor(@Inject(AdminCommands) private readonly commands: AdminCommands) {}

    @Post('cache/clear')
    @HttpCode(200)
    clear(@Req() request: HttpRequest): Promise<AdminReply> {
      return this.commands.run(adminScopeOf(CacheAdminController, request), 'clear', request);
    }

    @Post('cache/delete')
    @HttpCode(200)
    delete(@Req() request: HttpRequest): Promise<AdminReply> {
      return this.commands.run(adminScopeOf(CacheAdminController, request), 'delete', request);
    }

    @Post('cache/revoke')
    @HttpCode(200)
    revoke(@Req() request: HttpRequest): Promise<AdminReply> {
      return this.commands.run(adminScopeOf(CacheAdminController, request), 'revoke', request);
    }
  }

  if (scope !== null) bindAdminScope(CacheAdminController, scope);
  describeAdminRoutes(CacheAdminController, scope);
  return CacheAdminController;
}
