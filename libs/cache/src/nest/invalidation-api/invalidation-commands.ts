import { Inject, Injectable } from '@nestjs/common';
import type { AuditAppendResult, AuditRecord } from '../../core/audit/audit-record.js';
import { InvalidationIntent } from '../../core/invalidation/intent.js';
import type { KeyPattern } from '../../core/keys/key-pattern.js';
import { PatternCache } from '../../core/keys/pattern-cache.js';
import { refusalOf } from '../admin/admin-commands.js';
import { AdminError } from '../admin/admin-error.js';
import { AdminGate } from '../admin/admin-gate.js';
import type { AdminPrincipal } from '../admin/admin.options.js';
import { CacheRuntime } from '../cache-runtime.js';
import type { HttpRequest } from '../http/http-request.js';
import { EntrySurvey, type Findings } from './entry-survey.js';
import { answerOf, dryRunOf, type DryRunReply, type InvalidationReply, type Outcome } from './invalidation-reply.js';
import { readKeyOrder, readPatternOrder, type InvalidationOrder, type KeyOrder } from './invalidation-order.js';
import { InvalidationStatistics } from './invalidation-statistics.js';
import { matchKeys } from './key-matching.js';
import { intentionOfKeys, intentionOfPattern } from './order-scopes.js';
import { newRequestId } from './request-id.js';

/** Matched keys listed in an answer and in the audit; all are counted. */
export const MAX_LISTED_KEYS = 1_000;
export const MAX_SAMPLE_KEYS = 100;
/** How long an invalidation waits for the report of what it matches; the rest dies unreported. */
const REPORT_BUDGET_MS = 150;
/** A dry run is nothing but its report. */
const DRY_RUN_BUDGET_MS = 2000;

interface UnderWay {
  readonly hash: string;
  readonly reply: Promise<InvalidationReply>;
}

/**
 * Carries out what the invalidation API is asked for, once per request id: whoever repeats a request, at the same time or
 * later, here or on another instance, gets the first answer again. What the instances share for that is the audit row; it
 * is written before the answer (REQ-003-23 to 25).
 */
@Injectable()
export class InvalidationCommands {
  private readonly patterns = new PatternCache();
  /** Requests being carried out here, by id; a repetition waits with them. */
  private readonly underWay = new Map<string, UnderWay>();

  constructor(
    @Inject(CacheRuntime) private readonly runtime: CacheRuntime,
    @Inject(AdminGate) private readonly gate: AdminGate,
    @Inject(InvalidationStatistics) private readonly statistics: InvalidationStatistics,
    @Inject(EntrySurvey) private readonly survey: EntrySurvey,
  ) {}

  /** @throws AdminError 400, 403, 409, 413, 415, 429, or 503 where the invalidation was not applied */
  async byKeys(request: HttpRequest, principal?: AdminPrincipal): Promise<InvalidationReply | DryRunReply> {
    const order = readKeyOrder(request);
    const { name } = await this.gate.pass(request, intentionOfKeys(order.keys), principal);
    if (order.dryRun) return dryRunOf(order, await this.survey.of(order.keys, MAX_SAMPLE_KEYS));
    return this.once(order, (requestId) => this.invalidateKeys(order, requestId, name));
  }

  /** @throws AdminError as {@link byKeys} */
  async byPattern(request: HttpRequest, principal?: AdminPrincipal): Promise<InvalidationReply | DryRunReply> {
    const order = readPatternOrder(request);
    const pattern = this.compile(order.pattern);
    const { name } = await this.gate.pass(request, intentionOfPattern(pattern), principal);
    const { cacheKeys } = order;
    if (order.dryRun) {
      if (cacheKeys === null) {
        return dryRunOf(order, await this.survey.matching(pattern, MAX_SAMPLE_KEYS, DRY_RUN_BUDGET_MS));
      }
      const given = await matchKeys(pattern, cacheKeys, this.runtime.clock);
      return dryRunOf(order, await this.survey.of(given, MAX_SAMPLE_KEYS));
    }
    return this.once(order, async (requestId) => {
      const matched =
        cacheKeys === null
          ? await this.survey.matching(pattern, MAX_LISTED_KEYS, REPORT_BUDGET_MS)
          : listed(await matchKeys(pattern, cacheKeys, this.runtime.clock));
      const intents = [InvalidationIntent.pattern(order.pattern)];
      return this.invalidate(order, intents, requestId, name, {
        pattern: order.pattern,
        keys: matched.keys,
        keyCount: matched.count,
      });
    });
  }

  private invalidateKeys(order: KeyOrder, requestId: string, principal: string): Promise<InvalidationReply> {
    const { keys } = order;
    const intents = keys.map((key) => InvalidationIntent.key(key));
    const pattern = keys.length === 1 ? keys[0]! : JSON.stringify(keys);
    return this.invalidate(order, intents, requestId, principal, { pattern, keys, keyCount: keys.length });
  }

  /** A request id that came with the order is looked up, here and in the audit, before anything is done. */
  private async once(
    order: InvalidationOrder,
    carryOut: (requestId: string) => Promise<InvalidationReply>,
  ): Promise<InvalidationReply> {
    const { requestId, hash } = order;
    if (requestId === null) return carryOut(newRequestId(this.runtime.clock.wall()));
    const known = this.underWay.get(requestId);
    if (known !== undefined) {
      if (known.hash !== hash) throw conflict();
      return known.reply;
    }
    const reply = this.repeatOr(order, requestId, carryOut);
    this.underWay.set(requestId, { hash, reply });
    try {
      return await reply;
    } finally {
      this.underWay.delete(requestId);
    }
  }

  private async repeatOr(
    order: InvalidationOrder,
    requestId: string,
    carryOut: (requestId: string) => Promise<InvalidationReply>,
  ): Promise<InvalidationReply> {
    const record = await this.runtime.audit.find(requestId);
    return record === null ? carryOut(requestId) : this.repeated(order, record);
  }

  /**
   * Another instance may have carried out the same request meanwhile. Doing it twice is harmless; of the two rows the
   * first stands, and both answer by it.
   */
  private async invalidate(
    order: InvalidationOrder,
    intents: readonly InvalidationIntent[],
    requestId: string,
    principal: string,
    outcome: Pick<Outcome, 'pattern' | 'keys' | 'keyCount'>,
  ): Promise<InvalidationReply> {
    const { triggeredBy, hash } = order;
    const reason = order.reason === '' ? `asked by ${principal}` : `${order.reason} (asked by ${principal})`;
    let entry: Outcome | null = null;
    let appended: AuditAppendResult | null = null;
    try {
      await this.runtime.invalidations.invalidate(intents, { actor: triggeredBy, reason, requestId }, async (event) => {
        const { at: timestampMs, latencyMs } = event;
        entry = { ...outcome, requestId, timestampMs };
        const row = { ...entry, triggeredBy, reason, latencyMs: Math.round(latencyMs), requestHash: hash };
        appended = await this.runtime.audit.appendInvalidation(row);
        return appended !== null;
      });
    } catch (error) {
      this.statistics.noteFailure();
      throw refusalOf(error);
    }
    appended = appended as AuditAppendResult | null;
    if (appended === null) return { ...answerOf(order.kind, entry!), was_logged: false };
    if (appended.outcome === 'written') return answerOf(order.kind, entry!);
    return this.repeated(order, appended.record);
  }

  /**
   * The first answer again; what the audit does not hold in plain is taken from the order.
   *
   * @throws AdminError 409 where the row is that of another request
   */
  private repeated(order: InvalidationOrder, record: AuditRecord): InvalidationReply {
    if (!this.runtime.audit.isOf(record, order.hash)) throw conflict();
    const said = order.kind === 'key' ? { keys: order.keys } : { pattern: order.pattern };
    return answerOf(order.kind, { ...record, ...said });
  }

  /** @throws AdminError 400 */
  private compile(pattern: string): KeyPattern {
    try {
      return this.patterns.get(pattern);
    } catch (error) {
      throw refusalOf(error);
    }
  }
}

function listed(keys: readonly string[]): Pick<Findings, 'keys' | 'count'> {
  return { keys: keys.slice(0, MAX_LISTED_KEYS), count: keys.length };
}

function conflict(): AdminError {
  return new AdminError(
    'LARDER_REQUEST_CONFLICT',
    'Expected a `request_id` that is new or stands for the same request, got one that stands for another. Give each request an id of its own, or leave it out.',
    409,
    { field: 'request_id' },
  );
}
