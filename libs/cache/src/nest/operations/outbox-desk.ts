import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { TimelyAnswers } from '../../core/clock/timely-answers.js';
import { CacheError } from '../../core/errors/cache-error.js';
import type { OutboxRow } from '../../core/outbox/outbox-row.js';
import { AdminError } from '../admin/admin-error.js';
import { AdminGate } from '../admin/admin-gate.js';
import { integer, readQuery } from '../admin/request-query.js';
import { readBody } from '../admin/request-body.js';
import { CacheRuntime } from '../cache-runtime.js';
import { CacheInvalidations } from '../durability/cache-invalidations.js';
import type { HttpRequest } from '../http/http-request.js';
import { OperationsAudit } from './operations-audit.js';
import { ORDER_FIELDS, ORDER_FORM } from './operator-order.js';

export const DEFAULT_PAGE = 50;
export const MAX_PAGE = 1_000;
export const MAX_IDS = 1_000;
/** How long an operator waits for the store. */
const ANSWER_WITHIN_MS = 2_000;

/** What `GET /outbox/status` answers. Names as on the wire. */
export interface OutboxStatusReply {
  readonly pending: number;
  readonly oldest_pending_age_ms: number;
  readonly dead_letters: number;
  readonly failed_attempts: number;
  /** ISO 8601; `null` before the first. */
  readonly last_published_at: string | null;
}

/** A row that was given up; it never held a value. */
export interface DeadLetterRow {
  readonly id: string;
  readonly intent: object;
  readonly reason: string;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly created_at: string;
}

export interface DeadLetterPageReply {
  readonly dead_letters: readonly DeadLetterRow[];
  /** For `?after=` of the next page; `null`: this was the last. */
  readonly next: string | null;
}

export interface ResetReply {
  readonly success: true;
  /** Rows that are pending now. Whether they succeed this time, `GET /outbox/status` will tell. */
  readonly reset_count: number;
  /** Of the ids that were named, those that are not dead rows, any more or ever. */
  readonly not_dead: readonly string[];
  readonly request_id: string;
  readonly at: string;
  readonly was_logged?: false;
}

const AFTER = /^(\d{1,15})-([0-9a-f]{64})$/;
const PAGE = z.strictObject({
  limit: integer.pipe(z.number().min(1).max(MAX_PAGE)).optional(),
  after: z.string().regex(AFTER).optional(),
});
const PAGE_FORM = {
  schema: PAGE,
  fields: { limit: `a whole number from 1 to ${MAX_PAGE}`, after: 'the `next` of a page' },
  cure: 'Ask e.g. `?limit=50`, and go on with `&after=` and the `next` of the page you have.',
};
const RESET_FORM = {
  schema: z.strictObject({
    ids: z
      .array(z.string().regex(/^[0-9a-f]{64}$/))
      .min(1)
      .max(MAX_IDS)
      .optional(),
    ...ORDER_FORM,
  }),
  fields: {
    ids: `a list of 1 to ${MAX_IDS} ids of rows`,
    'ids[]': 'the id of a row, 64 hexadecimal digits',
    ...ORDER_FIELDS,
  },
  cure: 'Send e.g. {"ids": ["…"], "reason": "the tag was mended"}; without ids all dead rows are tried again.',
};

/** The outbox as operators see it. */
@Injectable()
export class OutboxDesk {
  private readonly answers: TimelyAnswers;

  constructor(
    @Inject(CacheRuntime) private readonly runtime: CacheRuntime,
    @Inject(CacheInvalidations) private readonly invalidations: CacheInvalidations,
    @Inject(AdminGate) private readonly gate: AdminGate,
    @Inject(OperationsAudit) private readonly audit: OperationsAudit,
  ) {
    this.answers = new TimelyAnswers(runtime.clock, ANSWER_WITHIN_MS);
  }

  /** @throws AdminError 404 without an outbox, 429, 503 where it does not answer */
  async status(request: HttpRequest): Promise<OutboxStatusReply> {
    await this.gate.look(request);
    const status = await this.answered(() => this.invalidations.status());
    return {
      pending: status.pending,
      oldest_pending_age_ms: status.oldestPendingAgeMs,
      dead_letters: status.deadLettered,
      failed_attempts: status.failedAttempts,
      last_published_at: status.lastPublishedAtMs === null ? null : new Date(status.lastPublishedAtMs).toISOString(),
    };
  }

  /** @throws AdminError as {@link status}, and 400 */
  async deadLetters(request: HttpRequest): Promise<DeadLetterPageReply> {
    await this.gate.look(request);
    const { limit = DEFAULT_PAGE, after } = readQuery(request.query, PAGE_FORM);
    const [, createdAtMs, id] = AFTER.exec(after ?? '') ?? [];
    const from = id === undefined ? {} : { after: { createdAtMs: Number(createdAtMs), id } };
    const rows = await this.answered(async () => this.invalidations.deadLetters({ limit: limit + 1, ...from }));
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const next = rows.length > limit && last !== undefined ? `${last.createdAtMs}-${last.id}` : null;
    return { dead_letters: shown.map(shownAs), next };
  }

  /** @throws AdminError as {@link status}, and 400, 403, 413, 415 */
  async reset(request: HttpRequest): Promise<ResetReply> {
    const body = readBody(request, RESET_FORM);
    const { name } = await this.gate.pass(request, { command: 'reset', scopes: [null] });
    const ids = body.ids === undefined ? undefined : [...new Set(body.ids)];
    const about = ids === undefined ? 'all' : ids.length === 1 ? ids[0]! : JSON.stringify(ids);
    const entry = { what: `reset dead letters: ${about}`, order: body, principal: name };
    const { count, notDead, noting } = await this.answered(async () => {
      const lost = ids === undefined ? [] : await this.notDead(ids);
      const reset = await this.invalidations.resetDeadLetters(ids);
      // Also where the operator was sent away meanwhile: what is done is recorded.
      return { count: reset, notDead: lost, noting: this.audit.note(entry) };
    });
    const { requestId, at, logged } = await noting;
    return {
      success: true,
      reset_count: count,
      not_dead: notDead,
      request_id: requestId,
      at,
      ...(logged ? {} : { was_logged: false }),
    };
  }

  private async answered<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await this.answers.ask(ask);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  private async notDead(ids: readonly string[]): Promise<string[]> {
    const { outbox } = this.runtime.durable;
    const rows = await Promise.all(ids.map(async (id) => (await outbox?.find(id)) ?? null));
    const dead = (row: OutboxRow | null): boolean => row?.state === 'dead' && row.namespace === this.runtime.namespace;
    return ids.filter((_, index) => !dead(rows[index]!));
  }
}

function shownAs({ id, intent, reason, attempts, lastError, createdAtMs }: OutboxRow): DeadLetterRow {
  const created_at = new Date(createdAtMs).toISOString();
  return { id, intent: intent.toJSON(), reason, attempts, last_error: lastError, created_at };
}

function refusalOf(error: unknown): AdminError {
  if (error instanceof CacheError && error.code === 'LARDER_OUTBOX_MISSING') {
    return new AdminError(error.code, error.message, 404, {}, { cause: error });
  }
  return new AdminError(
    'LARDER_OUTBOX_UNAVAILABLE',
    'Expected the outbox to answer, got a failure or no answer in time. Look at the database, then repeat the request; that is harmless.',
    503,
    {},
    { cause: error },
  );
}
