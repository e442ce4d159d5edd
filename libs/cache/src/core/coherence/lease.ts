import type { Clock } from '../clock/clock.port.js';

/** An instant by both clocks. The monotonic one measures; the wall clock only finds out that the monotonic one stood still. */
export interface Instant {
  readonly monotonic: number;
  readonly wall: number;
}

export function instant(clock: Clock): Instant {
  return { monotonic: clock.monotonic(), wall: clock.wall() };
}

/** The two clocks may disagree by this much about the time since a heartbeat before the lease is void, ms. */
const CLOCK_DISAGREEMENT_MS = 1000;

/** The wall clock is read at most this often, by running time, ms: a second clock read per hit would double its price. */
const WALL_CHECK_MS = 5;

const NEVER: Instant = { monotonic: Number.NEGATIVE_INFINITY, wall: 0 };

/**
 * The right to serve memory without asking (coherence page, 2.6). It runs for `durationMs` from the instant at which a
 * heartbeat was *sent* that is known to be satisfied: everything executed before that instant has been applied here.
 *
 * A suspended machine stops its monotonic clock, and the lease would outlive the suspension. Hence the second clock: it
 * can only ever shorten a lease. It is looked at every few milliseconds of running time, so a machine that wakes up finds
 * out that it slept within as many; a process that was merely stopped is found out by the monotonic clock at once.
 */
export class Lease {
  private since: Instant = NEVER;
  private wallCheckedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    readonly durationMs: number,
  ) {}

  grant(sentAt: Instant): void {
    if (sentAt.monotonic <= this.since.monotonic) return;
    this.since = sentAt;
    this.wallCheckedAt = Number.NEGATIVE_INFINITY;
  }

  revoke(): void {
    this.since = NEVER;
  }

  /** @param now `clock.monotonic()`, which the caller has read already */
  live(now: number): boolean {
    const elapsed = now - this.since.monotonic;
    if (elapsed >= this.durationMs) return false;
    return now - this.wallCheckedAt < WALL_CHECK_MS || this.clocksAgree(now, elapsed);
  }

  private clocksAgree(now: number, elapsed: number): boolean {
    if (Math.abs(this.clock.wall() - this.since.wall - elapsed) > CLOCK_DISAGREEMENT_MS) return false;
    this.wallCheckedAt = now;
    return true;
  }

  /** What is left, ms; 0 when it is not live. */
  remaining(): number {
    const now = this.clock.monotonic();
    return this.live(now) ? this.durationMs - (now - this.since.monotonic) : 0;
  }
}
