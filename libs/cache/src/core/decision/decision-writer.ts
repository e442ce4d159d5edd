import type { Clock, Timer } from '../clock/clock.port.js';
import type { DecisionStore, DecisionWrite, WrittenDecision } from './decision-store.port.js';

/** A failed batch is tried again after this long, doubled up to the longest, ms. */
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
const LARGEST_BATCH = 200;
/** A write that has failed so often is given up: it may be the write that fails, and not the store. */
const MAX_ATTEMPTS = 10;

interface Waiting {
  readonly write: DecisionWrite;
  readonly attempts: number;
  /** Told what became of it, where somebody waits for that. */
  readonly tell: ((written: WrittenDecision | null) => void) | null;
}

/**
 * Writes decisions to the durable tier: at once while it is idle, and gathered while a batch is under way. What was decided
 * on a miss is written behind its caller's back; it carries the mark of its lookup, so however late it arrives, it cannot
 * undo an invalidation. Bounded: beyond the limit the caller waits for its write, and while the store is away such a write
 * is given up, for what is lost with it is one computation.
 */
export class DecisionWriter {
  private waiting: Waiting[] = [];
  private running: Promise<void> | null = null;
  private retry: Timer | null = null;
  /** 0 while the store takes what it is given. */
  private retryMs = 0;
  private batchSize = LARGEST_BATCH;
  private lost = 0;

  constructor(
    private readonly write: DecisionStore['write'],
    private readonly namespace: string,
    private readonly clock: Clock,
    private readonly maxPending: number,
  ) {}

  /** Writes that wait. */
  get pending(): number {
    return this.waiting.length;
  }

  /** Writes given up since start, because the store was away for longer than there was room. */
  get dropped(): number {
    return this.lost;
  }

  /** Writes in its own time; resolves at once, but for back-pressure. Never rejects. */
  async behind(write: DecisionWrite): Promise<void> {
    this.waiting = this.waiting.filter((other) => other.tell !== null || !sameKey(other.write, write));
    const room = this.waiting.length < this.maxPending;
    if (room) return this.add({ write, attempts: 0, tell: null });
    if (this.retryMs > 0) this.lost += 1;
    else await this.through(write);
  }

  /** Writes, and tells what became of it; `null`: refused, or the store is away. Never rejects. */
  through(write: DecisionWrite): Promise<WrittenDecision | null> {
    return new Promise((tell) => this.add({ write, attempts: 0, tell }));
  }

  /** Until what waits now is written; resolves also where the store is away. */
  async flush(): Promise<void> {
    const last = this.waiting.at(-1);
    if (last === undefined) return this.running ?? undefined;
    while (this.waiting.includes(last)) {
      await (this.running ?? this.drain());
      if (this.retryMs > 0) return;
    }
  }

  private add(waiting: Waiting): void {
    this.waiting.push(waiting);
    // What nobody waits for keeps to the pace of the retries.
    if (this.retryMs === 0 || waiting.tell !== null) void this.drain();
  }

  private drain(): Promise<void> {
    this.running ??= this.run().finally(() => {
      this.running = null;
      if (this.waiting.length > 0 && this.retryMs === 0) void this.drain();
    });
    return this.running;
  }

  private async run(): Promise<void> {
    await Promise.resolve(); // who writes in the same turn travels along
    while (this.waiting.length > 0) {
      const batch = this.take();
      try {
        const writes = batch.map(({ write }) => write);
        const written = await this.write(this.namespace, writes);
        this.retryMs = 0;
        this.batchSize = LARGEST_BATCH;
        batch.forEach(({ tell }, i) => tell?.(written[i] ?? null));
      } catch {
        this.putBack(batch);
        return;
      }
    }
  }

  /** The first of each key, in order; a second write of a key waits for the next batch. */
  private take(): Waiting[] {
    const batch = new Map<string, Waiting>();
    const rest: Waiting[] = [];
    for (const each of this.waiting) {
      const { veriKey } = each.write.entry;
      if (batch.size < this.batchSize && !batch.has(veriKey)) batch.set(veriKey, each);
      else rest.push(each);
    }
    this.waiting = rest;
    return [...batch.values()];
  }

  /** Who waits is told; what nobody waits for is tried again later, in smaller batches, lest one write holds up the others. */
  private putBack(batch: readonly Waiting[]): void {
    const left = [...batch.map((each) => ({ ...each, attempts: each.attempts + 1 })), ...this.waiting];
    for (const { tell } of left) tell?.(null);
    const behind = left.filter(({ tell }) => tell === null);
    const tried = behind.filter(({ attempts }) => attempts < MAX_ATTEMPTS);
    this.waiting = tried.slice(-this.maxPending);
    this.lost += behind.length - this.waiting.length;
    this.batchSize = Math.max(1, this.batchSize >> 1);
    this.retryMs = Math.min(this.retryMs === 0 ? FIRST_RETRY_MS : this.retryMs * 2, LONGEST_RETRY_MS);
    if (this.waiting.length === 0) this.retryMs = 0;
    else this.retry ??= this.clock.schedule(this.retryMs, () => this.tryAgain());
  }

  private tryAgain(): void {
    this.retry = null;
    void this.drain();
  }
}

function sameKey(a: DecisionWrite, b: DecisionWrite): boolean {
  return a.entry.veriKey === b.entry.veriKey;
}
