import type { Clock } from '../clock/clock.port.js';
import type { Invalidation } from './invalidation.js';
import type { ResetCause } from './invalidation-log.port.js';
import { Lease, type Instant } from './lease.js';
import { NO_ID, positionOf, type Era, type LogId, type Position } from './position.js';

/** One message as a transport delivers it. `previous` names its predecessor: that is the whole chain. */
export interface LogFrame {
  readonly era: Era;
  readonly previous: LogId;
  readonly id: LogId;
  /** What it says; `unreadable`: of another version or malformed; `forged`: its signature does not hold. */
  readonly content: readonly Invalidation[] | 'unreadable' | 'forged';
}

/** Whom a follower tells. All calls are synchronous. */
export interface FollowerSink {
  /** Apply these, in this order. */
  apply(invalidations: readonly Invalidation[], position: Position): void;
  /** Drop all local state. */
  reset(cause: ResetCause): void;
  /** A heartbeat is satisfied, the lease was renewed. */
  satisfied(): void;
  /**
   * The log is of another history than ours: attach again before anything else. If it was a `message` that told, the
   * transport that brought it is to be renewed as well: it may lead to another server than the heartbeats do.
   */
  reattach(told: 'message' | 'heartbeat'): void;
}

/** A heartbeat's answer that waits for the messages it speaks of. */
interface PendingHeartbeat {
  readonly sentAt: Instant;
  readonly lastId: LogId;
}

/** Forged messages cause at most one reset in this time, ms: a flood of them must not become a flood of resets. */
const FORGERY_RESET_INTERVAL_MS = 10_000;

/**
 * Follows one invalidation log over any transport, however bad: the *chain* and the *lease* of the protocol, and nothing
 * else (coherence page, 2.5 and 2.6). Pure: it is told what arrived, and tells what to do.
 *
 * Chain: a message is applied only if its predecessor is the last one applied. Anything else is a gap, whatever the
 * cause, and a gap means that local state cannot be trusted: reset, and go on from there. So `applied` moves along the
 * chain, or by a reset that leaves memory empty (I7).
 *
 * Lease: a heartbeat's answer says how far the log had come; once `applied` has come as far, everything executed before
 * the heartbeat was *sent* is applied here, and memory may be served for L from that instant (I8). If a heartbeat stays
 * unsatisfied for L, its message was lost for good (trimmed, evicted): reset.
 */
export class LogFollower {
  private era: Era | null = null;
  private applied: LogId = NO_ID;
  private pending: PendingHeartbeat[] = [];
  private forgeryResetAt = Number.NEGATIVE_INFINITY;
  private readonly lease: Lease;

  constructor(
    private readonly clock: Clock,
    leaseMs: number,
    private readonly sink: FollowerSink,
  ) {
    this.lease = new Lease(clock, leaseMs);
  }

  /** Attested: `lastId` is the last message of history `era`. The history we follow already is simply continued. */
  attached(era: Era, lastId: LogId): void {
    if (this.sameHistory(era)) return;
    this.era = era;
    this.reset(lastId, 'history');
  }

  message(frame: LogFrame): void {
    if (this.era === null) return;
    if (!this.sameHistory(frame.era)) {
      this.sink.reattach('message');
      return;
    }
    if (frame.id <= this.applied) return; // delivered twice, or from before the reset
    if (!this.continuesChain(frame)) {
      this.reset(frame.id, 'gap');
      return;
    }
    switch (frame.content) {
      case 'forged':
        this.passForgery(frame.id);
        return;
      case 'unreadable':
        this.reset(frame.id, 'gap'); // it removes something, and we cannot know what
        return;
      default:
        this.applied = frame.id;
        this.sink.apply(frame.content, this.position);
        this.settle();
    }
  }

  /** The answer to a heartbeat sent at `sentAt`. */
  heartbeat(sentAt: Instant, era: Era, lastId: LogId): void {
    if (this.era === null) return;
    if (!this.sameHistory(era)) {
      this.sink.reattach('heartbeat');
      return;
    }
    this.pending.push({ sentAt, lastId });
    this.settle();
    const oldest = this.pending[0];
    if (oldest !== undefined && this.clock.monotonic() - oldest.sentAt.monotonic > this.lease.durationMs) {
      this.reset(lastId, 'lost-message');
    }
  }

  leaseLive(now: number): boolean {
    return this.lease.live(now);
  }

  /** What is left of the lease, ms. */
  get leaseMs(): number {
    return this.lease.remaining();
  }

  /** The history followed, `null` before the first attachment. */
  get lineage(): Era | null {
    return this.era;
  }

  /** The id of the last message applied; where a transport resumes. */
  get appliedId(): LogId {
    return this.applied;
  }

  /** How far this instance has come; empty before the first attachment. */
  get position(): Position {
    return this.era === null ? '' : positionOf(this.era, this.applied);
  }

  /** Equality and nothing else: of two histories none is "newer" for a follower. */
  protected sameHistory(era: Era): boolean {
    return era === this.era;
  }

  protected continuesChain(frame: LogFrame): boolean {
    return frame.previous === this.applied;
  }

  /** True when everything the heartbeat's answer speaks of has been applied. */
  protected satisfied(heartbeat: PendingHeartbeat): boolean {
    return this.applied >= heartbeat.lastId;
  }

  private settle(): void {
    const before = this.pending.length;
    for (let oldest = this.pending[0]; oldest !== undefined && this.satisfied(oldest); oldest = this.pending[0]) {
      this.lease.grant(oldest.sentAt);
      this.pending.shift();
    }
    if (this.pending.length < before) this.sink.satisfied();
  }

  private passForgery(id: LogId): void {
    const now = this.clock.monotonic();
    if (now - this.forgeryResetAt >= FORGERY_RESET_INTERVAL_MS) {
      this.forgeryResetAt = now;
      this.reset(id, 'forged-message');
      return;
    }
    this.applied = id;
    this.settle();
  }

  private reset(id: LogId, cause: ResetCause): void {
    this.applied = id;
    this.pending = [];
    this.lease.revoke();
    this.sink.reset(cause);
  }
}
