import type { AuditPage, AuditQuery } from '../../core/audit/audit-query.js';
import type { AuditAppendResult, AuditEntry, AuditRecord } from '../../core/audit/audit-record.js';
import type { AuditStore } from '../../core/audit/audit-store.port.js';
import type { TimelyAnswers } from '../../core/clock/timely-answers.js';
import type { InvalidatedEvent } from '../../core/invalidation/invalidation.events.js';
import type { InvalidationIntent } from '../../core/invalidation/intent.js';
import type { CacheLog } from '../logging/cache-log.js';
import type { KeyPolicy } from '../logging/key-policy.js';

/**
 * Writes every invalidation into the audit store: what, who, why, when (REQ-003-22). A record that cannot be written is
 * logged and counted; the invalidation itself stands (REQ-003-25). A store that hangs keeps nobody waiting for ever: who asks it
 * is told in time, and what it writes afterwards is counted then.
 */
export class AuditTrail {
  private failures = 0;
  private failing = 0;
  private writes = 0;

  constructor(
    readonly store: AuditStore,
    readonly namespace: string,
    private readonly log: CacheLog,
    private readonly keyPolicy: KeyPolicy,
    private readonly answers: TimelyAnswers,
  ) {}

  /** Times the audit store has failed since start. */
  get failed(): number {
    return this.failures;
  }

  /** Those since a record was last written. */
  get failedInARow(): number {
    return this.failing;
  }

  /** Records written since start. */
  get written(): number {
    return this.writes;
  }

  /** Resolves `true` when the record stands. Never rejects. */
  async record({ intents, actor, reason, at, requestId, latencyMs }: InvalidatedEvent): Promise<boolean> {
    const keys = intents.filter(({ kind }) => kind === 'key').map(({ value }) => value!);
    const appended = await this.appendInvalidation({
      pattern: patternOf(intents),
      keys,
      triggeredBy: actor,
      reason,
      timestampMs: at,
      requestId,
      latencyMs: Math.round(latencyMs),
    });
    return appended !== null;
  }

  /** As {@link append}, with keys and pattern in the form in which the audit is to hold them. */
  appendInvalidation(entry: Omit<AuditEntry, 'namespace'>): Promise<AuditAppendResult | null> {
    return this.append(this.keyPolicy.inAudit(entry));
  }

  /** Whether a row is that of the request with this fingerprint. */
  isOf(record: AuditRecord, requestHash: string): boolean {
    return record.requestHash === this.keyPolicy.requestHash(requestHash);
  }

  /** Appends an entry in the application's namespace; `null` where that failed, which is logged and counted. Never rejects. */
  async append(entry: Omit<AuditEntry, 'namespace'>): Promise<AuditAppendResult | null> {
    try {
      return await this.answers.ask(async () => {
        const appended = await this.store.append({ ...entry, namespace: this.namespace });
        this.failing = 0;
        if (appended.outcome === 'written') this.writes += 1;
        return appended;
      });
    } catch (error) {
      const consequence = `The audit record of ${entry.requestId} could not be written; what it tells of stands.`;
      this.noteFailure('audit record', consequence, error);
      return null;
    }
  }

  /** The row of a request id, or `null`, also where the store does not answer, which is logged and counted. Never rejects. */
  async find(requestId: string): Promise<AuditRecord | null> {
    try {
      return await this.answers.ask(() => this.store.find(this.namespace, requestId));
    } catch (error) {
      const consequence = `The audit could not tell whether ${requestId} was carried out before.`;
      this.noteFailure('audit row', consequence, error);
      return null;
    }
  }

  /** @throws what the store throws, or that it did not answer in time */
  list(query: Omit<AuditQuery, 'namespace'>): Promise<AuditPage> {
    return this.answers.ask(() => this.store.list({ ...query, namespace: this.namespace }));
  }

  private noteFailure(kind: string, consequence: string, error: unknown): void {
    this.failures += 1;
    this.failing += 1;
    this.log.error(kind, consequence, error);
  }
}

/** One intent by its text; several as JSON, so that the column tells everything that was asked for (REQ-003-21). */
function patternOf(intents: readonly InvalidationIntent[]): string {
  const texts = intents.map(describe);
  return texts.length === 1 ? texts[0]! : JSON.stringify(texts);
}

function describe(intent: InvalidationIntent): string {
  const target = intent.toCacheInvalidation();
  switch (target.op) {
    case 'key':
      return target.key;
    case 'tag':
      return `tag ${target.tag}`;
    case 'pattern':
      return target.scope === null ? target.pattern : `${target.scope}:${target.pattern}`;
    case 'flush':
      return '*';
  }
}
