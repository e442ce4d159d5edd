import type { Clock, Timer } from '../clock/clock.port.js';

/** Something that must be over within a time. A queue links it to its neighbours, so that it costs no timer of its own. */
export abstract class Deadlined {
  /** Owned by the queue. */
  dueAt = 0;
  /** Owned by the queue. */
  earlier: Deadlined | null = null;
  /** Owned by the queue. */
  later: Deadlined | null = null;
  /** Owned by the queue: `null` before it is added, and after it was removed or has expired. */
  queue: DeadlineQueue | null = null;

  /** Called once when the time is up, unless it was over before. */
  abstract expire(): void;

  /** It is over in time. `false`: it had expired, or was over already. */
  over(): boolean {
    if (this.queue === null) return false;
    this.queue.remove(this);
    return true;
  }
}

/**
 * Deadlines of one length, nearly all of which are met: they fall due in the order in which they were set, so a linked
 * list and one timer for its head do what a timer each would do, and setting and lifting one costs a few assignments.
 */
export class DeadlineQueue {
  private head: Deadlined | null = null;
  private tail: Deadlined | null = null;
  private timer: Timer | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly limitMs: number,
  ) {}

  /** @param now monotonic ms; the time starts here */
  add(item: Deadlined, now: number): void {
    item.queue = this;
    item.dueAt = now + this.limitMs;
    item.earlier = this.tail;
    if (this.tail === null) this.head = item;
    else this.tail.later = item;
    this.tail = item;
    if (this.timer === null) this.arm(this.limitMs);
  }

  remove(item: Deadlined): void {
    const { earlier, later } = item;
    if (earlier === null) this.head = later;
    else earlier.later = later;
    if (later === null) this.tail = earlier;
    else later.earlier = earlier;
    item.earlier = null;
    item.later = null;
    item.queue = null;
  }

  /** The timer of a head that was over in time is not taken back: when it rings, it is set for the head of then. */
  private arm(delayMs: number): void {
    this.timer = this.clock.schedule(delayMs, () => this.ring());
  }

  private ring(): void {
    const now = this.clock.monotonic();
    let item = this.head;
    while (item !== null && item.dueAt <= now) {
      this.remove(item);
      item.expire();
      item = this.head;
    }
    this.timer = null;
    if (item !== null) this.arm(item.dueAt - now);
  }

  /** Gives the timer up where nothing is waited for. */
  rest(): void {
    if (this.head !== null) return;
    this.timer?.cancel();
    this.timer = null;
  }
}

/** The queues of an engine, one per length of time; lengths come from policies, so there are few. */
export class Deadlines {
  private readonly queues = new Map<number, DeadlineQueue>();

  constructor(private readonly clock: Clock) {}

  of(limitMs: number): DeadlineQueue {
    let queue = this.queues.get(limitMs);
    if (queue === undefined) {
      queue = new DeadlineQueue(this.clock, limitMs);
      this.queues.set(limitMs, queue);
    }
    return queue;
  }

  /** Leaves no timer behind, where nothing is waited for. */
  rest(): void {
    for (const queue of this.queues.values()) queue.rest();
  }
}
