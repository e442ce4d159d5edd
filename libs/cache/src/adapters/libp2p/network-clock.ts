import type { Clock } from '../../core/clock/clock.port.js';
import { NO_ID, logIdAt, millisecondsOf, type LogId } from '../../core/coherence/position.js';

const ID_DIGITS = 20;
const STAMP = /^[0-9a-f]{36}$/;

/** Which node wrote: 16 hex digits, drawn at every start. */
export type WriterId = string;

/** An instant of the network and who was there: text order is the order of writing, ties end by the writer, alike everywhere. */
export type Stamp = string;

export function stampOf(at: LogId, writer: WriterId): Stamp {
  return at + writer;
}

export function instantOf(stamp: Stamp): LogId {
  return stamp.slice(0, ID_DIGITS);
}

export function isStamp(text: string): text is Stamp {
  return STAMP.test(text);
}

/**
 * The hybrid logical clock of a network: it never goes back, it is past every instant it has heard of, and it runs on from
 * there. All nodes therefore go by the fastest clock among them, which also judges how long entries live.
 *
 * Clocks may be off by `maxSkewMs` either way; an instant further ahead than two such clocks can be is not believed.
 */
export class NetworkClock {
  private aheadMs = 0;
  private last: LogId = NO_ID;

  constructor(
    private readonly clock: Clock,
    private readonly maxSkewMs: number,
  ) {}

  /** The time of the network, Unix ms. */
  now(): number {
    return this.clock.wall() + this.aheadMs;
  }

  /** A new instant, later than all given and heard of before. */
  tick(): LogId {
    const now = logIdAt(Math.floor(this.now()));
    this.last = now > this.last ? now : successor(this.last);
    return this.last;
  }

  /** True when an instant can be one of a clock that is not too far off. */
  believes(at: LogId): boolean {
    return millisecondsOf(at) <= this.clock.wall() + 2 * this.maxSkewMs;
  }

  /** Hears of an instant elsewhere. @returns false: not believed, and nothing has changed */
  observe(at: LogId): boolean {
    if (at <= this.last) return true;
    if (!this.believes(at)) return false;
    this.last = at;
    const aheadMs = millisecondsOf(at) - this.clock.wall();
    if (aheadMs > this.aheadMs) this.aheadMs = aheadMs;
    return true;
  }
}

function successor(id: LogId): LogId {
  return logIdAt(millisecondsOf(id), Number.parseInt(id.slice(12), 16) + 1);
}
