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

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Fewer, fuller round trips (coherence page, 2.14): when nothing is under way an item leaves in the same turn; while a
 * batch is under way further items gather and travel together. So a single call waits for nobody, and under load the
 * batches grow by themselves.
 */
export class Gatherer<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private underWay = 0;
  private departing = false;

  constructor(
    private readonly send: (items: readonly Item[]) => Promise<readonly Result[]>,
    private readonly limits: GatherLimits,
    private readonly weigh: (item: Item) => number = () => 0,
  ) {}

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (this.departing || this.underWay >= this.limits.inFlight) return;
      this.departing = true;
      queueMicrotask(() => this.depart()); // the callers of this turn share the first batch
    });
  }

  private depart(): void {
    this.departing = false;
    while (this.waiting.length > 0 && this.underWay < this.limits.inFlight) {
      const batch = this.takeBatch();
      this.underWay += 1;
      this.send(batch.map(({ item }) => item))
        .then(
          (results) => batch.forEach(({ resolve }, index) => resolve(results[index]!)),
          (error: unknown) => batch.forEach(({ reject }) => reject(error)),
        )
        .finally(() => {
          this.underWay -= 1;
          this.depart();
        });
    }
  }

  /** What waits is spread over the batches that may still leave: one is answered while the next is on its way. */
  private takeBatch(): Waiting<Item, Result>[] {
    const share = Math.ceil(this.waiting.length / (this.limits.inFlight - this.underWay));
    const most = Math.min(this.limits.items, Math.max(share, WORTH_A_BATCH));
    let count = 0;
    let weight = 0;
    for (const { item } of this.waiting) {
      weight += this.weigh(item);
      if (count > 0 && (count >= most || weight > this.limits.weight)) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }
}
