import type { Clock } from './clock.port.js';

/** Questions kept that were given up unanswered (I19); beyond it no more are asked until one of them is answered. */
const MAX_OVERDUE = 1000;

/**
 * Asks what may hang: whoever asks is answered or told in time. What was given up may still be carried out later; so many
 * such questions at most are left with the one that does not answer.
 */
export class TimelyAnswers {
  private overdue = 0;

  constructor(
    private readonly clock: Clock,
    private readonly timeoutMs: number,
  ) {}

  /** @throws what `work` throws, or that no answer came in time, or that it was not asked */
  ask<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    if (this.overdue >= MAX_OVERDUE) {
      return Promise.reject(new Error(`not asked: ${this.overdue} earlier questions are unanswered`));
    }
    return new Promise((resolve, reject) => {
      let late = false;
      const timer = this.clock.schedule(this.timeoutMs, () => {
        late = true;
        this.overdue += 1;
        reject(new Error(`no answer within ${this.timeoutMs} ms`));
      });
      void begin(work)
        .then(resolve, reject)
        .finally(() => {
          timer.cancel();
          if (late) this.overdue -= 1;
        });
    });
  }
}

/** Who throws instead of rejecting has answered all the same. */
async function begin<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  return work();
}
