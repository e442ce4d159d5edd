import type { Logger } from '@nestjs/common';
import type { Clock } from '../../core/clock/clock.port.js';
import type { KeyPolicy } from './key-policy.js';

/** How often lines of one kind are written at most, ms. */
const INTERVAL_MS = 60_000;
/** Kinds are named in the code, so there are few; beyond it they share one (I19). */
const MAX_KINDS = 200;
const EVERYTHING_ELSE = 'everything else';

interface Kind {
  nextAt: number;
  withheld: number;
}

/**
 * Nest's logger for trouble that may come a thousand times a second: the first line of a kind is written at once, then one
 * within a minute that says how many came between. Counts are in the metrics.
 */
export class CacheLog {
  private readonly kinds = new Map<string, Kind>();

  constructor(
    readonly logger: Logger,
    private readonly clock: Clock,
    private readonly keys: KeyPolicy,
  ) {}

  /** @param error what it comes from, told as the key policy allows */
  warn(kind: string, text: string, error?: unknown): void {
    const line = this.line(kind, text, error);
    if (line !== null) this.logger.warn(line);
  }

  /** @param error what it comes from, told as the key policy allows */
  error(kind: string, text: string, error?: unknown): void {
    const line = this.line(kind, text, error);
    if (line !== null) this.logger.error(line);
  }

  private line(kind: string, text: string, error: unknown): string | null {
    const now = this.clock.monotonic();
    const known = this.kindOf(kind);
    if (now < known.nextAt) {
      known.withheld += 1;
      return null;
    }
    const { withheld } = known;
    known.nextAt = now + INTERVAL_MS;
    known.withheld = 0;
    const cause = error === undefined ? '' : ` ${this.keys.errorText(error)}`;
    return `${text}${cause}${withheld === 0 ? '' : ` (and ${withheld} more of this kind before it)`}`;
  }

  private kindOf(name: string): Kind {
    const own = this.kinds.get(name);
    if (own !== undefined) return own;
    const kept = this.kinds.size < MAX_KINDS ? name : EVERYTHING_ELSE;
    const kind = this.kinds.get(kept) ?? { nextAt: Number.NEGATIVE_INFINITY, withheld: 0 };
    this.kinds.set(kept, kind);
    return kind;
  }
}
