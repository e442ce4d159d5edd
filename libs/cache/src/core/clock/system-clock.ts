import { Clock, type Timer } from './clock.port.js';

const TICK_MS = 4;

/** The machine's clock. The coarse tick runs only while somebody reads it: an idle process is never woken. */
export class SystemClock extends Clock {
  private tick = 0;
  private ticking = false;
  private wanted = false;

  override wall(): number {
    return Date.now();
  }

  override monotonic(): number {
    return performance.now();
  }

  override coarse(): number {
    if (this.ticking) {
      this.wanted = true;
      return this.tick;
    }
    return this.startTicking();
  }

  override schedule(delayMs: number, action: () => void): Timer {
    const handle = setTimeout(action, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  }

  private startTicking(): number {
    this.ticking = true;
    this.wanted = true;
    this.tick = performance.now();
    const handle = setInterval(() => {
      if (!this.wanted) {
        clearInterval(handle);
        this.ticking = false;
        return;
      }
      this.wanted = false;
      this.tick = performance.now();
    }, TICK_MS);
    handle.unref();
    return this.tick;
  }
}
