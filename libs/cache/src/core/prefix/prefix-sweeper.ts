import type { Clock, Timer } from '../clock/clock.port.js';
import { durationToMs, type Duration } from '../clock/duration.js';
import { CacheError, describeInput } from '../errors/cache-error.js';
import type { PrefixStore } from './prefix-store.port.js';

export interface ResolvedPrefixSweepOptions {
  readonly everyMs: number;
  readonly graceMs: number;
  readonly batch: number;
}

/** So many batches at most in one turn: the rest waits for the next. */
const BATCHES_IN_A_TURN = 100;
/** Instances that were started together drift apart. */
const JITTER = 0.2;

/**
 * Deletes entries that expired long ago, in bounded batches (REQ-001-28). Each instance does it; they pass over what another is
 * deleting.
 */
export class PrefixSweeper {
  private timer: Timer | null = null;
  private turnUnderWay: Promise<void> | null = null;
  private stopped = false;
  /** Entries deleted since start. */
  swept = 0;

  constructor(
    private readonly store: PrefixStore,
    private readonly clock: Clock,
    private readonly options: ResolvedPrefixSweepOptions,
    private readonly random: () => number,
    private readonly onTrouble: (error: unknown) => void,
  ) {}

  start(): void {
    if (this.stopped) return;
    const wait = this.options.everyMs * (1 + JITTER * (2 * this.random() - 1));
    this.timer = this.clock.schedule(wait, () => {
      this.turnUnderWay = this.turn()
        .then(() => undefined, this.onTrouble)
        .finally(() => this.start());
    });
  }

  /** One turn now; returns how many entries went. */
  async turn(): Promise<number> {
    let total = 0;
    for (let batch = 0; batch < BATCHES_IN_A_TURN && !this.stopped; batch += 1) {
      const swept = await this.store.sweep(this.options.graceMs, this.options.batch);
      total += swept;
      if (swept < this.options.batch) break;
    }
    this.swept += total;
    return total;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.turnUnderWay;
  }
}

/** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID` naming the field */
export function resolvePrefixSweep(every: Duration, grace: Duration, batch: number): ResolvedPrefixSweepOptions {
  if (!Number.isInteger(batch) || batch < 1) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`batch\` of the sweeper to be a whole number of at least 1, got ${describeInput(batch)}. Leave it out for 1000.`,
    );
  }
  const everyMs = durationToMs(every, 'sweep.every');
  if (everyMs < 1000) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`every\` of the sweeper to be at least a second, got ${describeInput(every)}. Leave it out for an hour.`,
    );
  }
  return Object.freeze({ everyMs, graceMs: durationToMs(grace, 'sweep.grace'), batch });
}
