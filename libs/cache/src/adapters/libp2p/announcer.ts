import type { Clock, Timer } from '../../core/clock/clock.port.js';
import { targetsOf, type Invalidation } from '../../core/coherence/invalidation.js';
import { MAX_MESSAGE_BYTES, MAX_MESSAGE_TARGETS } from '../../core/coherence/log-message.js';
import { bytesOf, splitInvalidation } from '../../core/coherence/split-invalidation.js';
import type { LogId } from '../../core/coherence/position.js';
import type { DatedInvalidation } from './gossip-message.js';

/** Leaves room for JSON around the batch and for its escapes. */
const BATCH_BYTES = MAX_MESSAGE_BYTES / 4;

/**
 * Gathers invalidations into messages: the first after a quiet time leaves at once, what follows within `windowMs` leaves
 * together. Each message has the next number; who misses one notices.
 */
export class Announcer {
  private batch: DatedInvalidation[] = [];
  private bytes = 0;
  private targets = 0;
  private sent = 0;
  private timer: Timer | null = null;
  private quietAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly windowMs: number,
    private readonly publish: (sequence: number, batch: readonly DatedInvalidation[]) => void,
  ) {}

  /** @returns the number of the last message it travels in */
  announce(invalidation: Invalidation, at: LogId): number {
    for (const piece of splitInvalidation(invalidation)) {
      const [bytes, targets] = [bytesOf(piece), targetsOf(piece)];
      if (this.bytes + bytes > BATCH_BYTES || this.targets + targets > MAX_MESSAGE_TARGETS) this.flush();
      this.batch.push({ at, invalidation: piece });
      this.bytes += bytes;
      this.targets += targets;
    }
    const sequence = this.sent + 1;
    if (this.timer === null) {
      const waitMs = this.quietAt - this.clock.monotonic();
      if (waitMs <= 0) this.flush();
      else this.timer = this.clock.schedule(waitMs, () => this.flush());
    }
    return sequence;
  }

  /** What was gathered leaves now. */
  flush(): void {
    this.timer?.cancel();
    this.timer = null;
    if (this.batch.length === 0) return;
    const { batch } = this;
    this.batch = [];
    this.bytes = 0;
    this.targets = 0;
    this.sent += 1;
    this.quietAt = this.clock.monotonic() + this.windowMs;
    this.publish(this.sent, batch);
  }
}
