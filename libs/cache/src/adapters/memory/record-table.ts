import { eraOfPosition, type Position } from '../../core/coherence/position.js';
import type { ReadExtent, StandingRecord } from '../../core/coherence/record-accelerator.port.js';
import { replaceOldest } from '../../core/bounds/replace-oldest.js';

/** A record with the position that was current before its source was read; it dies at `deadline`, wall clock of the hub, ms. */
export interface StampedRecord {
  readonly payload: Uint8Array;
  readonly stamp: Position;
  readonly order: number;
  readonly deadline: number;
}

/** Bound (I19): beyond it the oldest records are dropped. */
const MAX_RECORDS = 100_000;

/** The records of an accelerator, by group and key. */
export class RecordTable {
  private readonly held = new Map<string, StampedRecord>();

  /** @param untouched true while none of the tags was invalidated after the stamp */
  constructor(private readonly untouched: (stamp: Position, tags: readonly string[]) => boolean) {}

  read(keys: readonly string[], tags: readonly string[], now: number, extent: ReadExtent): (StandingRecord | null)[] {
    let found = false;
    return keys.map((key) => {
      const record = found && extent === 'first' ? undefined : this.held.get(key);
      if (record === undefined || record.deadline <= now || !this.untouched(record.stamp, tags)) return null;
      found = true;
      return { bytes: record.payload, start: 0, end: record.payload.length, leftMs: record.deadline - now };
    });
  }

  /** The later write stays, and of one write what was read later. */
  store(key: string, record: StampedRecord, now: number): void {
    const standing = this.held.get(key);
    if (record.deadline <= now || (standing !== undefined && !supersedes(record, standing))) return;
    replaceOldest(this.held, key, record, MAX_RECORDS);
  }

  drop(key: string): void {
    this.held.delete(key);
  }
}

function supersedes(record: StampedRecord, standing: StampedRecord): boolean {
  if (eraOfPosition(standing.stamp) !== eraOfPosition(record.stamp)) return true;
  if (standing.order !== record.order) return record.order > standing.order;
  if (standing.stamp !== record.stamp) return record.stamp > standing.stamp;
  return record.deadline > standing.deadline;
}
