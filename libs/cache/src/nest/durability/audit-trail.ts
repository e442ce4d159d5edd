import type { Logger } from '@nestjs/common';
import type { AuditStore } from '../../core/audit/audit-store.port.js';
import type { InvalidatedEvent } from '../../core/invalidation/invalidation.events.js';
import type { InvalidationIntent } from '../../core/invalidation/intent.js';

/**
 * Writes every invalidation into the audit store: what, who, why, when (REQ-003-22). A record that cannot be written is
 * logged and counted; the invalidation itself stands (REQ-003-25).
 */
export class AuditTrail {
  private failures = 0;

  constructor(
    readonly store: AuditStore,
    private readonly namespace: string,
    private readonly logger: Logger,
  ) {}

  /** Records that could not be written since start. */
  get failed(): number {
    return this.failures;
  }

  /** Resolves `true` when the record stands. Never rejects. */
  async record({ intents, actor, reason, at, requestId, latencyMs }: InvalidatedEvent): Promise<boolean> {
    const keys = intents.filter(({ kind }) => kind === 'key').map(({ value }) => value!);
    try {
      await this.store.append({
        namespace: this.namespace,
        pattern: patternOf(intents),
        keys,
        triggeredBy: actor,
        reason,
        timestampMs: at,
        requestId,
        latencyMs: Math.round(latencyMs),
      });
      return true;
    } catch (error) {
      this.failures += 1;
      this.logger.error(
        `Invalidation ${requestId} stands, but its audit record could not be written. ${String(error)}`,
      );
      return false;
    }
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
