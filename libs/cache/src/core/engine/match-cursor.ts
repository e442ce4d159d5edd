import type { L1Entry } from './l1-entry.js';

/**
 * A search over L1 that can pause. Entries may come and go between two calls: what was there at the start and still is
 * gets examined exactly once; of what came later, some is.
 */
export class MatchCursor {
  private finished = false;

  /** @param entries a live iterator in insertion order. @param unseen how many entries there are at the start */
  constructor(
    private readonly entries: Iterator<L1Entry>,
    private unseen: number,
    private readonly test: (key: string) => boolean,
  ) {}

  get done(): boolean {
    return this.finished;
  }

  /** Examines up to `budget` further entries and returns the held ones that match. */
  next(budget: number): L1Entry[] {
    const found: L1Entry[] = [];
    for (let left = budget; left > 0 && !this.finished; left -= 1) {
      // The iterator also visits what is added meanwhile, perhaps for ever: as many steps as entries at the start suffice.
      const step = this.unseen > 0 ? this.entries.next() : undefined;
      this.unseen -= 1;
      if (step === undefined || step.done === true) this.finished = true;
      else if (step.value.live && this.test(step.value.key)) found.push(step.value);
    }
    return found;
  }
}
