import { Controller, Get, HttpCode, Inject, Post, Req, UseFilters, UseGuards, type Type } from '@nestjs/common';
import { AdminAccessGuard } from '../admin/admin-access.guard.js';
import { AdminErrorFilter } from '../admin/admin-error.filter.js';
import { AdminGate } from '../admin/admin-gate.js';
import { CacheMetrics } from '../cache-metrics.js';
import { CacheRuntime } from '../cache-runtime.js';
import type { HttpRequest } from '../http/http-request.js';
import { ExplainReader, type ExplainReply } from './explain-reader.js';
import { metricsReply, type MetricsReply } from './metrics-reply.js';
import { describeOperations } from './operations-openapi.js';
import type { ResolvedOperationsOptions } from './operations.options.js';
import { OutboxDesk, type DeadLetterPageReply, type OutboxStatusReply, type ResetReply } from './outbox-desk.js';
import { SwitchDesk, type SwitchesReply, type SwitchReply } from './switch-desk.js';

/** The routes for operators, over the whole namespace. An ordinary controller, as that of the admin routes. */
export function operationsController(paths: ResolvedOperationsOptions): Type {
  @Controller()
  @UseGuards(AdminAccessGuard)
  @UseFilters(AdminErrorFilter)
  class OperationsController {
    constructor(
      @Inject(OutboxDesk) private readonly outbox: OutboxDesk,
      @Inject(SwitchDesk) private readonly desk: SwitchDesk,
      @Inject(ExplainReader) private readonly explainer: ExplainReader,
      @Inject(CacheMetrics) private readonly figures: CacheMetrics,
      @Inject(CacheRuntime) private readonly runtime: CacheRuntime,
      @Inject(AdminGate) private readonly gate: AdminGate,
    ) {}

    @Get(paths.outboxPath)
    outboxStatus(@Req() request: HttpRequest): Promise<OutboxStatusReply> {
      return this.outbox.status(request);
    }

    @Get(paths.deadLettersPath)
    deadLetters(@Req() request: HttpRequest): Promise<DeadLetterPageReply> {
      return this.outbox.deadLetters(request);
    }

    @Post(paths.resetPath)
    @HttpCode(200)
    resetDeadLetters(@Req() request: HttpRequest): Promise<ResetReply> {
      return this.outbox.reset(request);
    }

    @Get(paths.metricsPath)
    async metrics(@Req() request: HttpRequest): Promise<MetricsReply> {
      await this.gate.look(request);
      return metricsReply(this.figures.snapshot(), this.runtime.instanceId);
    }

    @Get(paths.explainPath)
    explain(@Req() request: HttpRequest): Promise<ExplainReply> {
      return this.explainer.explain(request);
    }

    @Get(paths.switchesPath)
    switches(@Req() request: HttpRequest): Promise<SwitchesReply> {
      return this.desk.list(request);
    }

    @Post(paths.switchesPath)
    @HttpCode(200)
    switch(@Req() request: HttpRequest): Promise<SwitchReply> {
      return this.desk.change(request);
    }
  }

  describeOperations(OperationsController);
  return OperationsController;
}
