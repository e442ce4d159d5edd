import type { Clock, Timer } from '../../core/clock/clock.port.js';
import type { CoherenceEvents } from '../../core/coherence/coherence.events.js';
import type { Invalidation } from '../../core/coherence/invalidation.js';
import {
  InvalidationLog,
  type AppendOptions,
  type AppendReceipt,
  type LogHealth,
  type LogListener,
} from '../../core/coherence/invalidation-log.port.js';
import { assertWait, type LogCapabilities } from '../../core/coherence/tier-capabilities.js';
import { CacheError } from '../../core/errors/cache-error.js';
import type { DhtNetwork, NetworkListener } from './dht-network.js';
import { loadLibp2p } from './load-libp2p.js';
import { compartmentOf, type NetworkInUse } from './network-in-use.js';

interface Waiter {
  readonly position: string;
  readonly network: DhtNetwork;
  readonly resolve: (applied: boolean) => void;
  timer: Timer;
}

/**
 * Invalidations as they are told from node to node. What this instance appends it has applied when the append resolves; the
 * others come to apply it, in moments while they are connected, and when they meet again while they are not.
 */
export class DhtInvalidationLog extends InvalidationLog {
  override readonly kind = 'dht';
  override readonly leased = false;
  override readonly leaseMs = 0;
  override readonly capabilities: LogCapabilities = { consistency: 'eventual', clusterWait: false, counts: false };
  private readonly waiters = new Set<Waiter>();
  private listener: LogListener | null = null;
  private closed = false;
  private position = '';

  constructor(
    private readonly inUse: NetworkInUse,
    private readonly fixedNetwork: string | null,
    private readonly clock: Clock,
    private readonly events: CoherenceEvents,
  ) {
    super();
  }

  /** @throws CacheError `LARDER_PACKAGE_MISSING` without libp2p; libp2p's error where the node cannot listen */
  override async open(listener: LogListener): Promise<void> {
    this.listener = listener;
    if (this.fixedNetwork === null) await loadLibp2p();
    else await this.inUse.pool.started(this.fixedNetwork);
  }

  /** @throws CacheError `LARDER_WAIT_UNSUPPORTED` for `wait: 'cluster'`; `LARDER_CLOSED`; `LARDER_LOG_UNAVAILABLE` outside of any network */
  override async append(invalidation: Invalidation, { wait }: AppendOptions = {}): Promise<AppendReceipt> {
    assertWait(this.kind, this.capabilities, wait);
    if (this.closed) {
      throw new CacheError(
        'LARDER_CLOSED',
        'Expected an open cache, got an invalidation after close(). Await it before shutting down.',
      );
    }
    const id = this.inUse.id();
    if (id === undefined) {
      throw new CacheError(
        'LARDER_LOG_UNAVAILABLE',
        'Expected a network in the context of the invalidation, got none. Invalidate inside runInNetwork().',
      );
    }
    const network = this.inUse.pool.running(id) ?? (await this.inUse.pool.started(id));
    this.position = network.invalidate(invalidation);
    return { position: this.position, removed: 0 };
  }

  override leaseLive(): boolean {
    return true;
  }

  override waitApplied(position: string, timeoutMs: number): Promise<boolean> {
    const network = this.inUse.network();
    if (network === null || this.closed) return Promise.resolve(false);
    if (network.applied(position)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = this.clock.schedule(timeoutMs, () => this.answer(waiter, false));
      const waiter: Waiter = { position, network, resolve, timer };
      this.waiters.add(waiter);
    });
  }

  override health(): LogHealth {
    const networks = this.inUse.pool.all();
    const state = this.closed
      ? 'closed'
      : networks.some((each) => !each.ready) || (this.fixedNetwork !== null && networks.length === 0)
        ? 'starting'
        : networks.some((each) => each.cutOff)
          ? 'detached'
          : 'live';
    const skewed = networks.some((each) => each.counts().skewed > 0);
    return {
      kind: this.kind,
      state,
      position: this.position,
      leaseMs: null,
      lineage: null,
      lastErrorCode: null,
      warnings: skewed
        ? ['Records were refused because of their time: set the clocks of all nodes (NTP), or raise `maxSkew` on all.']
        : [],
    };
  }

  override async close(): Promise<void> {
    this.closed = true;
    for (const waiter of this.waiters) this.answer(waiter, false);
    this.listener = null;
    await this.inUse.pool.close();
  }

  /** What a network tells, for the memory of this instance. */
  follower(network: () => DhtNetwork): NetworkListener {
    return {
      invalidated: (invalidation, position) => {
        const permits = this.inUse.permits(network());
        for (const key of invalidation.keys) permits.revoke(key);
        this.listener?.apply(this.inMemory(network(), invalidation), position);
        for (const waiter of this.waiters) setImmediate(() => this.look(waiter));
      },
      reset: (cause) => {
        this.listener?.reset(cause);
        this.events.emit('reset', { cause });
        for (const waiter of this.waiters) setImmediate(() => this.look(waiter));
      },
    };
  }

  /**
   * What an invalidation of a network is to memory, where several networks share that: keys are those of its compartment; a
   * tag hits the other compartments too, and a pattern everything, which costs them hits and nothing else.
   */
  private inMemory({ network }: DhtNetwork, invalidation: Invalidation): Invalidation {
    if (this.fixedNetwork !== null) return invalidation;
    const prefix = compartmentOf(network);
    const keys = invalidation.keys.map((key) => prefix + key);
    return { ...invalidation, keys, patterns: [], flush: invalidation.flush || invalidation.patterns.length > 0 };
  }

  private look(waiter: Waiter): void {
    if (this.waiters.has(waiter) && waiter.network.applied(waiter.position)) this.answer(waiter, true);
  }

  private answer(waiter: Waiter, applied: boolean): void {
    waiter.timer.cancel();
    this.waiters.delete(waiter);
    waiter.resolve(applied);
  }
}
