import type { Clock } from '../../core/clock/clock.port.js';

/** Waiting that ends early: for a condition, or for time to pass. Closing the room ends every wait. */
export class WaitingRoom {
  private readonly looks = new Set<() => void>();
  private closed = false;

  constructor(private readonly clock: Clock) {}

  /** Resolves `true` as soon as `condition` holds, looked at on every `notify`; `false` after `limitMs` or when closed. */
  until(condition: () => boolean, limitMs: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    if (limitMs <= 0 || this.closed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (outcome: boolean): void => {
        timer.cancel();
        this.looks.delete(look);
        resolve(outcome);
      };
      const look = (): void => {
        if (condition()) settle(true);
        else if (this.closed) settle(false);
      };
      const timer = this.clock.schedule(limitMs, () => settle(condition()));
      this.looks.add(look);
    });
  }

  /** Waits, but not when closed. */
  async pause(ms: number): Promise<void> {
    await this.until(() => false, ms);
  }

  notify(): void {
    for (const look of this.looks) look();
  }

  close(): void {
    this.closed = true;
    this.notify();
  }
}
