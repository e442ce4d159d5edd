import type { Position } from './position.js';

/** A record that is valid and alive. Its payload is neither copied nor cut out of what was received. */
export interface StandingRecord {
  readonly bytes: Uint8Array;
  /** Where in `bytes` the payload begins, and where it ends. */
  readonly start: number;
  readonly end: number;
  /** What is left of its life, ms by the tier's clock. */
  readonly leftMs: number;
}

/** How far a read goes: to the end, or to the first key whose record stands; behind that all are `null`, and were not looked at. */
export type ReadExtent = 'all' | 'first';

/** What the tier answered to one read, and the stamp for what is stored from a source that was read after it. */
export interface RecordReading {
  readonly position: Position;
  /** The tier's clock, ms. */
  readonly now: number;
  /** Per key, in order. */
  readonly records: readonly (StandingRecord | null)[];
  /** Values that stood under the keys and were not what was stored there: foreign, cut, changed. They count as absent. */
  readonly rejected: number;
}

export interface RecordToStore {
  readonly key: Uint8Array;
  readonly payload: Uint8Array;
  /** Orders the versions of one record: an older one does not take the place of a newer one. An integer below 2^48. */
  readonly order: number;
  /** How long it lives from the reading on, ms. */
  readonly lifeMs: number;
}

/**
 * A place in the shared tier for small records of a durable store, in front of which it stands. The tags of a record are
 * known before it is read, so one round trip brings records and all that judges them; there are no permits: a record
 * carries the position of the log that was read *before* the store was asked, and is valid only while none of its tags was
 * invalidated since (I1). Nothing is lost with it but time.
 *
 * Every rule is checked by the contract suite `describeRecordAccelerator` of `nestjs-larder/testing`.
 */
export abstract class RecordAccelerator {
  /** False while nothing would be answered. */
  abstract available(): boolean;

  /**
   * The valid records of a group under these keys, which may be any bytes; none for a position alone. One round trip.
   *
   * @param group records that are read together lie together
   * @param tags the tags of every record of the group
   */
  abstract read(
    group: string,
    keys: readonly Uint8Array[],
    tags: readonly string[],
    extent?: ReadExtent,
  ): Promise<RecordReading>;

  /** Stores what a source that was read after `reading` holds. */
  abstract store(group: string, reading: RecordReading, records: readonly RecordToStore[]): Promise<void>;

  /** Removes records, valid or not. */
  abstract drop(group: string, keys: readonly Uint8Array[]): Promise<void>;
}
