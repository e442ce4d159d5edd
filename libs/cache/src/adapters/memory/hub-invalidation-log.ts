import { CacheError } from '../../core/errors/cache-error.js';
import type { Timer } from '../../core/clock/clock.port.js';
import type { Invalidation } from '../../core/coherence/invalidation.js';
import {
  InvalidationLog,
  type AppendOptions,
  type AppendReceipt,
  type LogHealth,
  type LogListener,
} from '../../core/coherence/invalidation-log.port.js';
import { instant } from '../../core/coherence/lease.js';
import { LogFollower, type LogFrame } from '../../core/coherence/log-follower.js';
import { covers } from '../../core/coherence/position.js';
import type { HubLink } from './hub-link.js';

interface Waiter {
  readonly position: string;
  readonly resolve: (applied: boolean) => void;
  readonly timer: Timer;
}

/** Heartbeats per lease. */
const BEATS = 5;

/**
 * One instance's end of a hub's log. It follows by chain and lease as an instance over a network does: what is delivered
 * late, or not at all, costs it the lease and in the end its memory, never coherence.
 */
export class HubInvalidationLog extends InvalidationLog {
  override readonly kind = 'memory-hub';
  override readonly leased = true;
  override readonly leaseMs: number;
  private readonly follower: LogFollower;
  private readonly inbox: LogFrame[] = [];
  private readonly waiters = new Set<Waiter>();
  private listener: LogListener | null = null;
  private unfollow: () => void = () => undefined;
  private heartbeat: Timer | null = null;
  private closed = false;

  constructor(
    private readonly link: HubLink,
    private readonly onClose: () => void,
  ) {
    super();
    this.leaseMs = link.leaseMs;
    this.follower = new LogFollower(link.clock, link.leaseMs, {
      apply: (invalidations, position) => {
        for (const invalidation of invalidations) this.listener?.apply(invalidation, position);
        this.wakeWaiters();
      },
      reset: (cause) => this.listener?.reset(cause),
      satisfied: () => undefined,
      reattach: () => this.attach(),
    });
  }

  override async open(listener: LogListener): Promise<void> {
    this.listener = listener;
    this.unfollow = this.link.hub.follow((frame) => this.receive(frame));
    this.attach();
    await this.beat();
  }

  /** @throws CacheError `LARDER_CLOSED`; `LARDER_LOG_UNAVAILABLE` or `LARDER_LOG_UNCERTAIN` while the instance is cut off */
  override async append(invalidation: Invalidation, { wait }: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.closed) {
      throw new CacheError(
        'LARDER_CLOSED',
        'Expected an open cache, got an invalidation after close(). Await it before shutting down.',
      );
    }
    const { hub, others } = this.link;
    const receipt = await this.link.command('append', () => hub.invalidate(invalidation));
    this.applyHere(invalidation, receipt.position);
    if (wait === 'cluster') {
      // Whoever has not applied it when its lease must have run out cannot serve from memory any more.
      await Promise.all(others().map((log) => log.waitApplied(receipt.position, this.leaseMs)));
    }
    return receipt;
  }

  /** Own reads reflect it from now on, without waiting for the log's echo (G5). */
  applyHere(invalidation: Invalidation, position: string): void {
    this.listener?.apply(invalidation, position);
  }

  override leaseLive(now: number): boolean {
    return this.follower.leaseLive(now);
  }

  override waitApplied(position: string, timeoutMs: number): Promise<boolean> {
    if (this.closed || this.hasApplied(position)) return Promise.resolve(!this.closed);
    return new Promise((resolve) => {
      const timer = this.link.clock.schedule(timeoutMs, () => this.answer(waiter, false));
      const waiter: Waiter = { position, resolve, timer };
      this.waiters.add(waiter);
    });
  }

  override health(): LogHealth {
    const { follower, link } = this;
    return {
      kind: this.kind,
      state: this.closed ? 'closed' : link.cut ? 'detached' : follower.leaseMs > 0 ? 'live' : 'suspect',
      position: follower.position,
      leaseMs: follower.leaseMs,
      lineage: follower.lineage,
      lastErrorCode: link.cut ? 'LARDER_LOG_UNAVAILABLE' : null,
      warnings: [],
    };
  }

  override close(): Promise<void> {
    this.closed = true;
    this.unfollow();
    this.onClose();
    this.heartbeat?.cancel();
    for (const waiter of this.waiters) this.answer(waiter, false);
    this.listener = null;
    return Promise.resolve();
  }

  /** Reads what has arrived; nothing while delivery is paused. */
  drain(): void {
    while (!this.link.paused && !this.closed && this.inbox.length > 0) this.follower.message(this.inbox.shift()!);
  }

  private receive(frame: LogFrame): void {
    if (this.link.cut || this.link.loses()) return;
    this.link.delivered(() => {
      this.inbox.push(frame);
      this.drain();
    });
  }

  private attach(): void {
    this.follower.attached(this.link.hub.era, this.link.hub.lastId);
  }

  private async beat(): Promise<void> {
    const { clock, hub } = this.link;
    const sentAt = instant(clock);
    this.heartbeat = clock.schedule(this.leaseMs / BEATS, () => void this.beat());
    if (this.link.cut) return;
    try {
      const { era, lastId } = await this.link.command('heartbeat', () => ({ era: hub.era, lastId: hub.lastId }));
      if (!this.closed) this.follower.heartbeat(sentAt, era, lastId);
    } catch {
      // Cut off while it was on its way: the lease is not renewed, and that is all a lost heartbeat means.
    }
  }

  private hasApplied(position: string): boolean {
    return this.follower.position !== '' && covers(this.follower.position, position);
  }

  private wakeWaiters(): void {
    for (const waiter of this.waiters) if (this.hasApplied(waiter.position)) this.answer(waiter, true);
  }

  private answer(waiter: Waiter, applied: boolean): void {
    waiter.timer.cancel();
    this.waiters.delete(waiter);
    waiter.resolve(applied);
  }
}
