import { Clock } from 'nestjs-larder';

/** A clock whose time stands until it is moved, and whose timers run in real time: what a server needs to answer. */
export class HeldClock extends Clock {
  private now = 1_000_000;

  advance(ms: number): void {
    this.now += ms;
  }

  override wall(): number {
    return this.now;
  }

  override monotonic(): number {
    return this.now;
  }

  override coarse(): number {
    return this.now;
  }

  override schedule(delayMs: number, action: () => void) {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }
}
