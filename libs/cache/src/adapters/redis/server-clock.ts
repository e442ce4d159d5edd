import type { Clock } from '../../core/clock/clock.port.js';
import type { Instant } from '../../core/coherence/lease.js';
import type { Era } from '../../core/coherence/position.js';

/** The two clocks of this machine may disagree by this much about the time since the server was heard, ms. */
const CLOCK_DISAGREEMENT_MS = 1000;

/**
 * What the server's clock may show at most, reckoned from its last heartbeat: it told its time after the heartbeat was
 * sent. An entry is fresh by this clock only if it is by the server's.
 */
export class ServerClock {
  private heardAt: Instant | null = null;
  private era: Era = '';
  private told = 0;

  constructor(
    private readonly clock: Clock,
    /** So long after a heartbeat nothing is reckoned from it any more. */
    private readonly validMs: number,
  ) {}

  /** @param era the history the server holds: it changes with the server */
  heard(sentAt: Instant, era: Era, serverMs: number): void {
    this.heardAt = sentAt;
    this.era = era;
    this.told = serverMs;
  }

  /** Unix ms; `null` where the server of that history was not heard lately, or this machine was suspended meanwhile. */
  atMost(era: Era): number | null {
    if (this.heardAt === null || this.era !== era) return null;
    const elapsed = this.clock.monotonic() - this.heardAt.monotonic;
    if (elapsed > this.validMs) return null;
    if (Math.abs(this.clock.wall() - this.heardAt.wall - elapsed) > CLOCK_DISAGREEMENT_MS) return null;
    return Math.ceil(this.told + elapsed) + 1; // the server's milliseconds are cut off
  }
}
