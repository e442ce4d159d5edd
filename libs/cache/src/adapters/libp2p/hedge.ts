/** Share of the reads that may ask a second node because the first is slow. */
const BUDGET_PER_READ = 0.05;
const LARGEST_BUDGET = 10;
const SHORTEST_MS = 8;
const LONGEST_MS = 100;
const WEIGHT = 0.05;

/**
 * How long a read waits for the nearest node before it asks the next one too: about three times the usual slow answer, and
 * for few reads only, since asking more under load makes load.
 */
export class HedgePolicy {
  private mean = 2;
  private deviation = 2;
  private budget = LARGEST_BUDGET;

  get delayMs(): number {
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, this.mean + 4 * this.deviation));
  }

  answered(tookMs: number): void {
    this.budget = Math.min(LARGEST_BUDGET, this.budget + BUDGET_PER_READ);
    this.deviation += WEIGHT * (Math.abs(tookMs - this.mean) - this.deviation);
    this.mean += WEIGHT * (tookMs - this.mean);
  }

  /** @returns false: too many have been made lately */
  spend(): boolean {
    if (this.budget < 1) return false;
    this.budget -= 1;
    return true;
  }
}
