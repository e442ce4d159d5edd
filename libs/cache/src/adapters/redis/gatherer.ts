/** How much travels together. */
export interface GatherLimits {
  /** Most items in one batch. */
  readonly items: number;
  /** Most weight in one batch; a heavier item travels alone. */
  readonly weight: number;
  /** So many batches may be under way at once. */
  readonly inFlight: number;
}

/** Fewer do not pay for a round trip of their own. */
const WORTH_A_BATCH = 8;

/** Who waits for the result of an item. Neither call may throw. */
export interface Waiter<Result> {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Fewer, fuller round trips (coherence page, 2.14): when nothing is under way an item leaves in the same turn; while a
 * batch is under way further items gather and travel together. So a single call waits for nobody, and under load the
 * batches grow by themselves.
 */
export class Gatherer<Item, Result> {
  private readonly items: Item[] = [];
  private readonly waiters: Waiter<Result>[] = [];
  private underWay = 0;
  private departing = false;

  /** @param send the results of a batch; `null`: it has seen to it that the item is answered otherwise */
  constructor(
    private readonly send: (items: readonly Item[]) => Promise<readonly (Result | null)[]>,
    private readonly limits: GatherLimits,
    private readonly weigh: (item: Item) => number = () => 0,
  ) {}

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => this.join(item, { resolve, reject }));
  }

  /** As `add`, without a promise. */
  join(item: Item, waiter: Waiter<Result>): void {
    this.items.push(item);
    this.waiters.push(waiter);
    if (this.underWay < this.limits.inFlight) this.departSoon();
  }

  /** The callers of this turn share the next batch. */
  private departSoon(): void {
    if (this.departing) return;
    this.departing = true;
    queueMicrotask(() => this.depart());
  }

  private depart(): void {
    this.departing = false;
    while (this.items.length > 0 && this.underWay < this.limits.inFlight) {
      const count = this.batchSize();
      const items = this.items.splice(0, count);
      const waiters = this.waiters.splice(0, count);
      this.underWay += 1;
      this.send(items).then(
        (results) => {
          for (let index = 0; index < count; index += 1) {
            const result = results[index]!;
            if (result !== null) waiters[index]!.resolve(result);
          }
          this.arrived();
        },
        (error: unknown) => {
          for (const waiter of waiters) waiter.reject(error);
          this.arrived();
        },
      );
    }
  }

  private arrived(): void {
    this.underWay -= 1;
    this.departSoon(); // behind those who were just answered: what they ask next shares the batch
  }

  /** What waits is spread over the batches that may still leave: one is answered while the next is on its way. */
  private batchSize(): number {
    const share = Math.ceil(this.items.length / (this.limits.inFlight - this.underWay));
    const most = Math.min(this.limits.items, Math.max(share, WORTH_A_BATCH));
    let count = 0;
    let weight = 0;
    for (const item of this.items) {
      weight += this.weigh(item);
      if (count > 0 && (count >= most || weight > this.limits.weight)) break;
      count += 1;
    }
    return count;
  }
}
