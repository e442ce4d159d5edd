const WEIGHT = 1 / 32;
const LIKELY = 0.8;

/** Whether a plain read will do, by what became of the last few dozen reads. */
export class HitForecast {
  private share = 0;

  get likely(): boolean {
    return this.share > LIKELY;
  }

  /** @param sufficed true: a plain read answered it, or would have */
  seen(sufficed: boolean): void {
    this.share += ((sufficed ? 1 : 0) - this.share) * WEIGHT;
  }
}
