import type {
  BackendRead,
  FillEntry,
  FillPermit,
  ReadOptions,
  StoredEntry,
} from '../../core/coherence/cache-backend.port.js';
import { outdated } from '../../core/coherence/source-version.js';
import type { Clock } from '../../core/clock/clock.port.js';
import type { Invalidation } from '../../core/coherence/invalidation.js';
import type { LogFrame } from '../../core/coherence/log-follower.js';
import {
  NO_ID,
  eraOfPosition,
  logIdAt,
  millisecondsOf,
  ordOf,
  ordOfPosition,
  positionOf,
  type Era,
  type LogId,
  type Ord,
  type Position,
} from '../../core/coherence/position.js';
import type { EntryFault, TierEntryState } from '../../core/coherence/tier-inspection.js';
import { replaceOldest } from '../../core/bounds/replace-oldest.js';
import { PermitTable } from './permit-table.js';
import { TargetKnowledge } from './target-knowledge.js';
import type { ReadExtent, RecordReading } from '../../core/coherence/record-accelerator.port.js';
import { RecordTable } from './record-table.js';

/** A value with the position that was current before it was read from the source. Instants are the hub's wall clock, ms. */
export interface StampedEntry {
  readonly payload: Uint8Array;
  readonly tags: readonly string[];
  readonly stamp: Position;
  readonly freshUntil: number;
  readonly keepUntil: number;
}

/** Bound (I19): beyond it the oldest entries are dropped. */
const MAX_ENTRIES = 100_000;
/** No entry has it. */
const NO_KEY = '\0';

/**
 * What a server holds for one namespace, with the steps a server does in one piece: every method here is atomic. It is
 * the protocol of the coherence page in its plainest form, and the model that instances of one process share.
 */
export class HubNamespace {
  private histories = 0;
  private currentEra: Era = this.nextEra();
  private last: LogId = NO_ID;
  private readonly knowledge = new TargetKnowledge(ordOf(this.currentEra, NO_ID));
  /** `null`: nothing was ever set, or it was lost. */
  settings: ReadonlyMap<string, string> | null = null;
  /** Records of an accelerator. */
  readonly records = new RecordTable((stamp, tags) => this.untouched(stamp, tags));
  private readonly entries = new Map<string, StampedEntry>();
  private readonly permits: PermitTable;
  private readonly followers = new Set<(frame: LogFrame) => void>();

  constructor(private readonly clock: Clock) {
    this.permits = new PermitTable(clock);
  }

  /** The clock that judges how long things live, Unix ms. */
  get now(): number {
    return this.clock.wall();
  }

  get era(): Era {
    return this.currentEra;
  }

  /** The last message of the log. */
  get lastId(): LogId {
    return this.last;
  }

  /** Entries held, valid or not. */
  get size(): number {
    return this.entries.size;
  }

  /** @returns stops following */
  follow(receive: (frame: LogFrame) => void): () => void {
    this.followers.add(receive);
    return () => this.followers.delete(receive);
  }

  /** INV: the log first, then tags, patterns and floor, then each key's entry and permit. */
  invalidate(invalidation: Invalidation): { readonly position: Position; readonly removed: number } {
    const ord = this.append(invalidation);
    this.knowledge.note({ ...invalidation, keys: [] }, ord);
    let removed = 0;
    for (const key of invalidation.keys) {
      const entry = this.entries.get(key);
      if (entry !== undefined && entry.keepUntil > this.clock.wall()) removed += 1;
      this.entries.delete(key);
      this.permits.revoke(key);
    }
    return { position: this.position, removed };
  }

  /** GETP: a valid fresh entry, or the permit to fill and the election of who loads. */
  read(key: string, { permitMs, refresh = false }: ReadOptions): BackendRead {
    const now = this.clock.wall();
    const entry = this.entries.get(key);
    const valid = entry !== undefined && entry.keepUntil > now && this.valid(key, entry);
    if (entry !== undefined && !valid) this.entries.delete(key);
    if (valid && entry.freshUntil > now && !refresh) return { hit: true, entry: shown(entry, now) };
    const { token, owner } = this.permits.ask(key, permitMs);
    const stale = valid && entry.freshUntil <= now ? shown(entry, now) : null;
    return { hit: false, permit: { token, position: this.position }, owner, stale };
  }

  /** SETF: absent means refuse. */
  fill(key: string, permit: FillPermit, entry: FillEntry): boolean {
    if (!this.permitStands(key, permit)) return false;
    this.permits.revoke(key);
    if (outdated(entry.tags, this.entries.get(key)?.tags)) return false;
    this.store(key, entry, permit.position);
    return true;
  }

  release(key: string, permit: FillPermit): void {
    this.permits.release(key, permit);
  }

  /** PUT: an invalidation of the key and the new value, in one step. `null`: a newer version stands. */
  put(key: string, entry: FillEntry, invalidation: Invalidation): Position | null {
    if (outdated(entry.tags, this.entries.get(key)?.tags)) return null;
    this.append(invalidation);
    this.permits.revoke(key);
    this.store(key, entry, this.position);
    return this.position;
  }

  /** What is held, as it is judged now; nothing is taken by looking. */
  held(): readonly (readonly [key: string, state: TierEntryState])[] {
    return [...this.entries.keys()].flatMap((key) => {
      const state = this.heldUnder(key);
      return state === null ? [] : [[key, state] as const];
    });
  }

  heldUnder(key: string): TierEntryState | null {
    const entry = this.entries.get(key);
    const now = this.clock.wall();
    if (entry === undefined || entry.keepUntil <= now) return null;
    const { stamp: position, tags, freshUntil, keepUntil, payload } = entry;
    const times = { freshMs: freshUntil - now, keepMs: keepUntil - now };
    return { fault: this.fault(key, entry), position, tags, ...times, bytes: payload.byteLength };
  }

  /** Where a tag was last invalidated. */
  tagOrd(tag: string): Ord {
    return this.knowledge.tagAt(tag);
  }

  changeSettings(changes: ReadonlyMap<string, string | null>): void {
    const texts = new Map(this.settings);
    for (const [name, text] of changes) {
      if (text === null) texts.delete(name);
      else texts.set(name, text);
    }
    this.settings = texts;
  }

  /** RECORDS: what is valid and alive under these keys, and where the log stands. */
  readRecords(keys: readonly string[], tags: readonly string[], extent: ReadExtent): RecordReading {
    const now = this.clock.wall();
    return { position: this.position, now, records: this.records.read(keys, tags, now, extent), rejected: 0 };
  }

  /** The server lost its past: nothing that was stored before is known to be valid. */
  changeHistory(): void {
    this.currentEra = this.nextEra();
    this.knowledge.raiseFloor(ordOf(this.currentEra, this.last));
    this.permits.clear();
  }

  /** True when no target of the entry was invalidated after its stamp (I1). */
  protected valid(key: string, entry: StampedEntry): boolean {
    return this.fault(key, entry) === null;
  }

  /** The same for a record, which no pattern names. */
  private untouched(stamp: Position, tags: readonly string[]): boolean {
    const fault = this.fault(NO_KEY, { stamp, tags });
    return fault === null || fault === 'pattern';
  }

  private fault(key: string, { stamp, tags }: Pick<StampedEntry, 'stamp' | 'tags'>): EntryFault | null {
    if (eraOfPosition(stamp) !== this.currentEra) return 'history';
    return this.knowledge.fault(key, tags, ordOfPosition(stamp));
  }

  protected permitStands(key: string, permit: FillPermit): boolean {
    return this.permits.stands(key, permit);
  }

  private get position(): Position {
    return positionOf(this.currentEra, this.last);
  }

  private append(invalidation: Invalidation): Ord {
    const previous = this.last;
    const lastMs = millisecondsOf(previous);
    const now = Math.floor(this.clock.wall());
    this.last = now > lastMs ? logIdAt(now) : logIdAt(lastMs, Number.parseInt(previous.slice(12), 16) + 1);
    const frame: LogFrame = { era: this.currentEra, previous, id: this.last, content: [invalidation] };
    const present = [...this.followers]; // one that leaves while it is told must not disturb the others
    for (const receive of present) receive(frame);
    return ordOf(this.currentEra, this.last);
  }

  private store(key: string, { payload, tags, freshMs, keepMs }: FillEntry, stamp: Position): void {
    const now = this.clock.wall();
    const entry = { payload, tags, stamp, freshUntil: now + freshMs, keepUntil: now + keepMs };
    replaceOldest(this.entries, key, entry, MAX_ENTRIES);
  }

  /** Fresh at every change: two histories never share an era. */
  private nextEra(): Era {
    this.histories += 1;
    return this.histories.toString(16).padStart(8, '0') + this.histories.toString(16).padStart(16, '0');
  }
}

function shown({ payload, tags, freshUntil, keepUntil }: StampedEntry, now: number): StoredEntry {
  return { payload, tags, freshMs: freshUntil - now, keepMs: keepUntil - now };
}
