import { compareRecords, type DhtRecord } from './dht-record.js';
import type { Place } from './placement.js';
import type { Stamp } from './network-clock.js';

/** What became of a record that was to be stored; `older`: what is held, or an invalidation, is newer. */
export type StoreResult = 'stored' | 'older' | 'expired';

interface Held {
  readonly record: DhtRecord;
  /** Read since the eviction looked at it last. */
  visited: boolean;
}

/** Bytes that a record costs in memory besides its own. */
const HELD_OVERHEAD = 400;

/**
 * The records of one node: last write wins in whatever order they arrive, expired and invalidated ones are given back, and
 * never are there more bytes than the bound. Values leave before tombstones; where a tombstone has to leave before its time,
 * nothing older than it is taken any more, so that it cannot come back.
 */
export class RecordStore {
  private readonly values = new Map<Place, Held>();
  private readonly tombstones = new Map<Place, Held>();
  private held = 0;
  private floor: Stamp = '';
  private sweeping: IterableIterator<[Place, Held]> | null = null;
  private sweepingTombstones = false;
  /** Values that had to leave for room. */
  evicted = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly now: () => number,
    private readonly invalidated: (record: DhtRecord) => boolean,
  ) {}

  /** Values held. */
  get size(): number {
    return this.values.size;
  }

  get tombstoneCount(): number {
    return this.tombstones.size;
  }

  get bytes(): number {
    return this.held;
  }

  /** What is held of a place, if it is neither expired nor invalidated. A tombstone is an answer too. */
  get(place: Place): DhtRecord | null {
    const held = this.values.get(place) ?? this.tombstones.get(place);
    if (held === undefined) return null;
    if (this.over(held.record)) {
      this.remove(place);
      return null;
    }
    held.visited = true;
    return held.record;
  }

  put(record: DhtRecord): StoreResult {
    if (record.expiresAt <= this.now()) return 'expired';
    if (record.stamp <= this.floor) return 'older';
    if (!record.tombstone && this.invalidated(record)) return 'older';
    const standing = this.get(record.place);
    if (standing !== null && compareRecords(record, standing) < 0) return 'older';
    this.remove(record.place);
    (record.tombstone ? this.tombstones : this.values).set(record.place, { record, visited: false });
    this.held += costOf(record);
    this.makeRoom();
    return 'stored';
  }

  /** True when a record with this stamp would tell something new. */
  lacks(place: Place, stamp: Stamp): boolean {
    const standing = this.get(place);
    return stamp > this.floor && (standing === null || standing.stamp < stamp);
  }

  remove(place: Place): void {
    for (const map of [this.values, this.tombstones]) {
      const held = map.get(place);
      if (held === undefined) continue;
      map.delete(place);
      this.held -= costOf(held.record);
    }
  }

  /** Everything held that is not over. May be walked while the store changes. */
  *records(): IterableIterator<DhtRecord> {
    for (const map of [this.values, this.tombstones]) {
      for (const { record } of map.values()) if (!this.over(record)) yield record;
    }
  }

  /** Looks at the next `slice` records and gives back what is over. */
  sweep(slice: number): void {
    for (let looked = 0; looked < slice; looked += 1) {
      this.sweeping ??= (this.sweepingTombstones ? this.tombstones : this.values).entries();
      const next = this.sweeping.next();
      if (next.done === true) {
        this.sweeping = null;
        this.sweepingTombstones = !this.sweepingTombstones;
        return;
      }
      const [place, { record }] = next.value;
      if (this.over(record)) this.remove(place);
    }
  }

  clear(): void {
    this.values.clear();
    this.tombstones.clear();
    this.held = 0;
  }

  private over(record: DhtRecord): boolean {
    return record.expiresAt <= this.now() || (!record.tombstone && this.invalidated(record));
  }

  /** What was not read since it was last looked at leaves first; a map keeps the order of insertion. */
  private makeRoom(): void {
    while (this.held > this.maxBytes && this.values.size > 0) {
      const [place, held] = this.values.entries().next().value!;
      if (held.visited && this.values.size > 1) {
        held.visited = false;
        this.values.delete(place);
        this.values.set(place, held);
        continue;
      }
      this.remove(place);
      this.evicted += 1;
    }
    while (this.held > this.maxBytes && this.tombstones.size > 0) {
      const [place, { record }] = this.tombstones.entries().next().value!;
      this.remove(place);
      if (record.stamp > this.floor) this.floor = record.stamp;
    }
  }
}

function costOf({ sealed, key }: DhtRecord): number {
  return sealed.length + key.length + HELD_OVERHEAD;
}
