import type { Invalidation } from '../../core/coherence/invalidation.js';
import {
  InvalidationLog,
  type AppendOptions,
  type AppendReceipt,
  type LogHealth,
  type LogListener,
} from '../../core/coherence/invalidation-log.port.js';
import type { LogCapabilities } from '../../core/coherence/tier-capabilities.js';
import { storeKey } from './store-key.js';
import type { StoreGuard } from './store-guard.js';
import { TargetKnowledge } from './target-knowledge.js';

/**
 * A log that remembers what it has applied, for a store that cannot judge stamps itself. A stamp is a position up to which
 * everything was executed before a load began: what this instance has applied, or has appended itself. An entry is valid
 * while nothing it depends on was invalidated later, so it does not matter which bytes a store still holds.
 */
export class CustomInvalidationLog extends InvalidationLog {
  override readonly kind: string;
  override readonly capabilities: LogCapabilities;
  override readonly leased: boolean;
  override readonly leaseMs: number;
  /** Called with the keys of each invalidation. */
  onKeys: (keys: readonly string[]) => void = () => undefined;
  private knowledge: TargetKnowledge | null = null;
  /** The last position that this instance knows to be executed. */
  private executed = '';

  constructor(
    private readonly log: InvalidationLog,
    private readonly instanceId: string,
    private readonly guard: StoreGuard,
  ) {
    super();
    this.kind = log.kind;
    this.capabilities = { ...log.capabilities, counts: false };
    this.leased = log.leased;
    this.leaseMs = log.leaseMs;
  }

  /** Which history positions belong to; a log without histories has one per process. */
  get lineage(): string {
    return this.log.health().lineage ?? this.instanceId;
  }

  /** The stamp of a load that begins now; `null` while nothing is known. */
  get stamp(): string | null {
    const { position } = this.log.health();
    if (position === '') return null;
    const stamp = this.executed > position ? this.executed : position;
    this.knowledge ??= new TargetKnowledge(stamp); // nobody told us of what was before
    return stamp;
  }

  valid(key: string, tags: readonly string[], lineage: string, stamp: string): boolean {
    if (this.stamp === null || lineage !== this.lineage) return false;
    return this.knowledge!.valid(key, tags, stamp);
  }

  override async open(listener: LogListener): Promise<void> {
    await this.log.open({
      apply: (invalidation, position) => {
        this.note(invalidation, position);
        listener.apply(invalidation, position);
      },
      reset: (cause) => {
        this.knowledge = null;
        this.executed = '';
        listener.reset(cause);
      },
    });
  }

  override async append(invalidation: Invalidation, options?: AppendOptions): Promise<AppendReceipt> {
    const { position } = await this.log.append(invalidation, options);
    if (invalidation.flush) this.guard.removeAll();
    else this.guard.remove(invalidation.keys.map(storeKey));
    return { position, removed: 0 };
  }

  /** Appends for an explicit `set`; what is stored under the position takes the place of what is there. */
  async appendFor(invalidation: Invalidation): Promise<string> {
    return (await this.log.append(invalidation)).position;
  }

  override leaseLive(now: number): boolean {
    return this.log.leaseLive(now);
  }

  override waitApplied(position: string, timeoutMs: number): Promise<boolean> {
    return this.log.waitApplied(position, timeoutMs);
  }

  override health(): LogHealth {
    return this.log.health();
  }

  override async close(): Promise<void> {
    await this.log.close();
    await this.guard.rest();
  }

  private note(invalidation: Invalidation, position: string): void {
    // Before there is a stamp there is no entry to judge, and the floor of the first covers this.
    this.knowledge?.note(invalidation, position);
    if (position > this.executed) this.executed = position;
    this.onKeys(invalidation.keys);
  }
}
