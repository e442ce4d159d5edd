import { Controller, Get, HttpCode, Inject, Post, Req, UseFilters, UseGuards, type Type } from '@nestjs/common';
import { AdminAccessGuard } from '../admin/admin-access.guard.js';
import { AdminErrorFilter } from '../admin/admin-error.filter.js';
import { AdminGate } from '../admin/admin-gate.js';
import type { HttpRequest } from '../http/http-request.js';
import { AuditLogReader, type AuditLogPage } from './audit-log-reader.js';
import { describeInvalidationApi } from './invalidation-api-openapi.js';
import type { ResolvedInvalidationApiOptions } from './invalidation-api.options.js';
import { InvalidationCommands } from './invalidation-commands.js';
import { metricsOf, type InvalidationMetrics } from './invalidation-metrics.js';
import type { DryRunReply, InvalidationReply } from './invalidation-reply.js';
import { InvalidationStatistics } from './invalidation-statistics.js';

/** The four routes over the whole namespace. An ordinary controller, as that of the admin routes. */
export function invalidationApiController(paths: ResolvedInvalidationApiOptions): Type {
  @Controller()
  @UseGuards(AdminAccessGuard)
  @UseFilters(AdminErrorFilter)
  class InvalidationApiController {
    constructor(
      @Inject(InvalidationCommands) private readonly commands: InvalidationCommands,
      @Inject(AuditLogReader) private readonly audit: AuditLogReader,
      @Inject(InvalidationStatistics) private readonly statistics: InvalidationStatistics,
      @Inject(AdminGate) private readonly gate: AdminGate,
    ) {}

    @Post(paths.keyPath)
    @HttpCode(200)
    invalidateKeys(@Req() request: HttpRequest): Promise<InvalidationReply | DryRunReply> {
      return this.commands.byKeys(request);
    }

    @Post(paths.patternPath)
    @HttpCode(200)
    invalidatePattern(@Req() request: HttpRequest): Promise<InvalidationReply | DryRunReply> {
      return this.commands.byPattern(request);
    }

    @Get(paths.logsPath)
    async auditLogs(@Req() request: HttpRequest): Promise<AuditLogPage> {
      await this.gate.look(request);
      return this.audit.page(request);
    }

    @Get(paths.metricsPath)
    metrics(): InvalidationMetrics {
      return metricsOf(this.statistics.figures());
    }
  }

  describeInvalidationApi(InvalidationApiController);
  return InvalidationApiController;
}
