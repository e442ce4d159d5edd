import type { Clock, Timer } from '../clock/clock.port.js';

/** What a turn found: more to do at once, nothing due, or a failure that deserves a longer and longer pause. */
export type TurnResult = 'more' | 'idle' | 'failing';

interface PollLoopOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly pollIntervalMs: number;
  readonly maxPauseMs: number;
}

const JITTER = 0.2;

/**
 * Runs turns one after another, with a pause when there is nothing to do. Pauses vary by ±20 % so that many instances do
 * not ask at the same moment; while turns fail they double up to `maxPauseMs`, so an outage is never met by a busy loop.
 */
export class PollLoop {
  private running: Promise<void> | null = null;
  private stopping = false;
  private failures = 0;
  private pause: { readonly timer: Timer; readonly end: () => void } | null = null;
  /** A wake that came while a turn was under way: the next pause is skipped. */
  private woken = false;

  constructor(
    private readonly turn: () => Promise<TurnResult>,
    private readonly options: PollLoopOptions,
    private readonly onError: (error: unknown, pauseMs: number) => void,
  ) {}

  start(): void {
    this.stopping = false;
    this.running ??= this.run().finally(() => {
      this.running = null;
    });
  }

  wake(): void {
    if (this.failures > 0) return;
    this.woken = true;
    this.endPause();
  }

  /** Resolves when the turn in hand is over. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.endPause();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      const pauseMs = await this.oneTurn();
      if (pauseMs > 0 && !this.stopping && !this.woken) await this.rest(pauseMs);
      this.woken = false;
    }
  }

  /** Returns how long to rest. */
  private async oneTurn(): Promise<number> {
    try {
      const result = await this.turn();
      this.failures = result === 'failing' ? this.failures + 1 : 0;
      return result === 'more' ? 0 : this.pauseMs();
    } catch (error) {
      this.failures += 1;
      const pauseMs = this.pauseMs();
      this.onError(error, pauseMs);
      return pauseMs;
    }
  }

  private pauseMs(): number {
    const { pollIntervalMs, maxPauseMs, random } = this.options;
    const base = Math.min(pollIntervalMs * 2 ** this.failures, Math.max(maxPauseMs, pollIntervalMs));
    return base * (1 - JITTER + 2 * JITTER * random());
  }

  private rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.pause?.timer.cancel();
        this.pause = null;
        resolve();
      };
      this.pause = { timer: this.options.clock.schedule(ms, end), end };
    });
  }

  private endPause(): void {
    this.pause?.end();
  }
}
