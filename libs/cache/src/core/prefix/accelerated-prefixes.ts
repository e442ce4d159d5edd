import type { Clock } from '../clock/clock.port.js';
import type {
  ReadExtent,
  RecordAccelerator,
  RecordReading,
  RecordToStore,
} from '../coherence/record-accelerator.port.js';
import { decodePrefix, encodePrefix, type PrefixRecord } from './prefix-record.js';
import type { IndexScope } from './index-scope.js';
import { OwedDrops } from './owed-drops.js';
import type { StoredPrefix } from './prefix-entry.js';
import type { ScopeNaming } from './scope-names.js';

/** What the accelerator has done since start. */
export interface AcceleratorCounters {
  /** Hashes that it answered, and that it did not hold; of a search for the longest, up to that. */
  hits: number;
  misses: number;
  /** Values that were not what had been stored: foreign, cut, changed. Each counted as a miss. */
  rejected: number;
  /** Reads and stores that failed or were too slow. */
  failures: number;
}

/** A longer life is not kept there: expiry is read from the store again. */
const LONGEST_MS = 86_400_000;
/** After so many failures in a row nothing is asked for a while, ms. */
const FAILURES_TO_PAUSE = 5;
const PAUSE_MS = 1_000;

/** The answer of a first look. */
export interface AcceleratedLook {
  /** For what is stored later from a source that is asked from now on. */
  readonly reading: RecordReading;
  /** Per hash; where the first was asked for, `null` behind it. */
  readonly found: readonly (PrefixRecord | null)[];
}

/**
 * The accelerator as the index uses it: never waited for longer than the soft timeout, never an error, never the only
 * place where something is. What it cannot answer, the store does.
 */
export class AcceleratedPrefixes {
  readonly counters: AcceleratorCounters = { hits: 0, misses: 0, rejected: 0, failures: 0 };
  private failuresInARow = 0;
  private pausedUntil = Number.NEGATIVE_INFINITY;
  private readonly owed: OwedDrops;

  constructor(
    private readonly records: RecordAccelerator,
    private readonly naming: ScopeNaming,
    private readonly clock: Clock,
    private readonly softTimeoutMs: number,
    private readonly onTrouble: (error: unknown) => void,
  ) {
    this.owed = new OwedDrops(records, clock, onTrouble);
  }

  /**
   * `null`: ask the store, and keep nothing of its answer.
   *
   * @param extent `first`: nothing behind the first that is known matters
   */
  async look(
    scope: IndexScope,
    hashes: readonly Uint8Array[],
    extent: ReadExtent = 'all',
  ): Promise<AcceleratedLook | null> {
    if (!this.records.available() || this.clock.monotonic() < this.pausedUntil) return null;
    const { group, tags } = this.naming.namesOf(scope);
    const reading = await this.inTime(this.records.read(group, hashes, tags, extent));
    if (reading === null) return null;
    const { counters } = this;
    counters.rejected += reading.rejected;
    const found: (PrefixRecord | null)[] = [];
    for (let index = 0; index < hashes.length; index += 1) {
      const hash = hashes[index]!;
      const record = reading.records[index] ?? null;
      const owed = record !== null && this.owed.has(group, hash);
      const decoded = record === null || owed ? null : decodePrefix(hash, record);
      if (record !== null && !owed && decoded === null) counters.rejected += 1;
      found.push(decoded);
      if (decoded === null) counters.misses += 1;
      else counters.hits += 1;
      if (record !== null && extent === 'first') break;
    }
    return { reading, found };
  }

  /**
   * Keeps what the store has just answered; what cannot be kept is removed, so that nothing older stays in its place.
   * `reading` is from before the store was asked.
   */
  async keep(
    scope: IndexScope,
    reading: RecordReading,
    entries: readonly StoredPrefix[],
    fence: number,
  ): Promise<void> {
    const { group } = this.naming.namesOf(scope);
    const records: RecordToStore[] = [];
    for (const entry of entries) {
      const payload = encodePrefix(entry, fence);
      const lifeMs = Math.floor(Math.min(entry.leftMs, LONGEST_MS));
      if (payload !== null && lifeMs > 0) records.push({ key: entry.hash, payload, order: entry.order, lifeMs });
    }
    if (records.length === 0) return;
    const stored = await this.inTime(this.records.store(group, reading, records).then(() => true));
    if (stored === null) {
      await this.drop(
        scope,
        records.map(({ key }) => key),
      );
    }
  }

  /** Removes what was written anew and could not be kept; what cannot be reached now, as soon as it can. */
  async drop(scope: IndexScope, hashes: readonly Uint8Array[]): Promise<void> {
    const { group } = this.naming.namesOf(scope);
    const dropping = this.records.available() ? this.records.drop(group, hashes).then(() => true) : null;
    if (dropping === null || (await this.inTime(dropping)) === null) this.owed.add(group, hashes);
  }

  /** Removes what is owed, as far as it can be reached. */
  settle(): Promise<void> {
    return this.owed.settle();
  }

  /** `null` when it failed or took too long; its late outcome is then of no interest. */
  private inTime<T>(work: Promise<T>): Promise<T | null> {
    return new Promise((resolve) => {
      const failed = (error: unknown): void => {
        this.failed(error);
        resolve(null);
      };
      const timer = this.clock.schedule(this.softTimeoutMs, () =>
        failed(new Error(`no answer within ${this.softTimeoutMs} ms`)),
      );
      work
        .then((answer) => {
          this.failuresInARow = 0;
          resolve(answer);
        }, failed)
        .finally(() => timer.cancel());
    });
  }

  private failed(error: unknown): void {
    this.counters.failures += 1;
    this.failuresInARow += 1;
    if (this.failuresInARow >= FAILURES_TO_PAUSE) {
      this.failuresInARow = 0;
      this.pausedUntil = this.clock.monotonic() + PAUSE_MS;
    }
    this.onTrouble(error);
  }
}
