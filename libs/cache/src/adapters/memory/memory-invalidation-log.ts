import { CacheError } from '../../core/errors/cache-error.js';
import type { Invalidation } from '../../core/coherence/invalidation.js';
import {
  InvalidationLog,
  type AppendReceipt,
  type LogHealth,
  type LogListener,
} from '../../core/coherence/invalidation-log.port.js';

/**
 * The log of a single process: an invalidation is applied in the call that appends it, so no lease is needed and nothing
 * can be lost between the two. Positions are a counter.
 */
export class MemoryInvalidationLog extends InvalidationLog {
  override readonly kind = 'memory';
  override readonly leased = false;
  override readonly leaseMs = 0;
  private listener: LogListener | null = null;
  private sequence = 0;
  private closed = false;

  override open(listener: LogListener): Promise<void> {
    this.listener = listener;
    return Promise.resolve();
  }

  override async append(invalidation: Invalidation): Promise<AppendReceipt> {
    if (this.closed) {
      throw new CacheError(
        'LARDER_CLOSED',
        'Expected an open cache, got an invalidation after close(). Await it before shutting down.',
      );
    }
    this.sequence += 1;
    const at = position(this.sequence);
    this.listener?.apply(invalidation, at);
    return { position: at, removed: 0 };
  }

  override leaseLive(): boolean {
    return true;
  }

  override waitApplied(awaited: string): Promise<boolean> {
    return Promise.resolve(awaited <= position(this.sequence));
  }

  override health(): LogHealth {
    return {
      kind: this.kind,
      state: this.closed ? 'closed' : 'live',
      position: position(this.sequence),
      leaseMs: null,
      lineage: null,
      lastErrorCode: null,
      warnings: [],
    };
  }

  override close(): Promise<void> {
    this.closed = true;
    this.listener = null;
    return Promise.resolve();
  }
}

/** Text order is log order. */
function position(sequence: number): string {
  return sequence.toString(16).padStart(12, '0');
}
