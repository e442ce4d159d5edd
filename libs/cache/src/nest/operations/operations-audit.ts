import { Inject, Injectable } from '@nestjs/common';
import { CacheRuntime } from '../cache-runtime.js';
import { newRequestId } from '../invalidation-api/request-id.js';
import type { OperatorOrder } from './operator-order.js';

/** What an operator has done. */
export interface OperatorDeed {
  readonly what: string;
  readonly order: OperatorOrder;
  /** Who really asked. */
  readonly principal: string;
  /** @default generated */
  readonly requestId?: string;
}

/** How a deed was recorded. */
export interface NotedDeed {
  readonly requestId: string;
  /** ISO 8601. */
  readonly at: string;
  readonly logged: boolean;
}

/** Writes what operators do beside invalidating into the audit, before they are answered. */
@Injectable()
export class OperationsAudit {
  constructor(@Inject(CacheRuntime) private readonly runtime: CacheRuntime) {}

  newId(): string {
    return newRequestId(this.runtime.clock.wall());
  }

  /** Never rejects: what is done stands, and the answer says that no row does. */
  async note({ what, order, principal, requestId = this.newId() }: OperatorDeed): Promise<NotedDeed> {
    const timestampMs = this.runtime.clock.wall();
    const appended = await this.runtime.audit.append({
      pattern: what,
      keys: [],
      triggeredBy: order.triggered_by ?? principal,
      reason: order.reason === undefined ? `asked by ${principal}` : `${order.reason} (asked by ${principal})`,
      timestampMs,
      requestId,
      latencyMs: null,
    });
    return { requestId, at: new Date(timestampMs).toISOString(), logged: appended !== null };
  }
}
