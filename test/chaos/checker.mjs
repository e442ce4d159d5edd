// @ts-check
/** Holds what a read returned against what it had to reflect. */

/**
 * @typedef {object} Reading
 * @property {number} cell
 * @property {number} version what the read returned
 * @property {number} startedAt
 * @property {string} tier what answered: `memory`, `flight`, the shared tier's name, or `source`
 * @property {string} outcome
 * @property {boolean} leased whether this process held a live lease when the read began
 * @property {number} own the newest version whose invalidation this very process had acknowledged when the read began
 *
 * @typedef {object} Violation
 * @property {'G2' | 'G3' | 'G5' | 'G9'} guarantee
 * @property {number} required
 * @property {number} lateMs how long the bound had been over
 * @property {Reading} reading
 */

/** What answers from outside the process must reflect everything acknowledged before the read began (G3). */
const EXACT = new Set(['redis', 'source']);

/** Of the first so many the particulars are kept. */
const VIOLATIONS_KEPT = 5;

export class Checker {
  checked = 0;
  /** Reads that returned an old value, as they may within the bound. */
  staleWithinBound = 0;
  /** The oldest of them, ms after the acknowledgement. */
  oldestMs = 0;
  /** Reads that could not be judged, because what they had to reflect is no longer on record. */
  undecided = 0;
  /** @type {Violation[]} */
  violations = [];
  /** How many, by guarantee. @type {Record<string, number>} */
  violated = {};

  /**
   * @param {import('./truth.mjs').Truth} truth
   * @param {number} leaseMs
   */
  constructor(truth, leaseMs) {
    this.truth = truth;
    this.leaseMs = leaseMs;
  }

  /** @param {Reading} reading */
  check(reading) {
    this.checked += 1;
    if (reading.version >= this.truth.version(reading.cell)) return;
    const violation = this.#judge(reading);
    // A record can be read while it is written: what is wrong once must be wrong twice.
    if (violation === null || this.#judge(reading) === null) {
      this.staleWithinBound += 1;
      return;
    }
    this.violated[violation.guarantee] = (this.violated[violation.guarantee] ?? 0) + 1;
    if (this.violations.length < VIOLATIONS_KEPT) this.violations.push(violation);
  }

  /**
   * @param {Reading} reading
   * @returns {Violation | null}
   */
  #judge(reading) {
    const { cell, version, startedAt, tier, leased, own } = reading;
    if (version < own) return { guarantee: 'G5', required: own, lateMs: 0, reading };
    const { acks, forgotten } = this.truth.acknowledgements(cell);
    if (forgotten && acks[0].at >= startedAt - this.leaseMs) this.undecided += 1;
    /** @type {Violation | null} */
    let found = null;
    for (const ack of acks) {
      if (ack.version <= version || ack.at >= startedAt) continue;
      const ageMs = startedAt - ack.at;
      this.oldestMs = Math.max(this.oldestMs, EXACT.has(tier) ? 0 : Math.min(ageMs, this.leaseMs));
      const { guarantee, allowedMs } = this.#allowance(tier, leased && ack.strict);
      if (ageMs <= allowedMs) continue;
      const lateMs = ageMs - allowedMs;
      if (found === null || lateMs > found.lateMs) found = { guarantee, required: ack.version, lateMs, reading };
    }
    return found;
  }

  /**
   * @param {string} tier
   * @param {boolean} strict
   * @returns {{ guarantee: 'G2' | 'G3' | 'G9', allowedMs: number }}
   */
  #allowance(tier, strict) {
    if (EXACT.has(tier)) return { guarantee: 'G3', allowedMs: 0 };
    if (strict) return { guarantee: 'G9', allowedMs: 0 };
    return { guarantee: 'G2', allowedMs: this.leaseMs };
  }
}
