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
import { targetMatcher } from '../../core/invalidation/target-matcher.js';
import { PatternCache } from '../../core/keys/pattern-cache.js';

/** A value with the position that was current before it was read from the source. Instants are the hub's wall clock, ms. */
export interface StampedEntry {
  readonly payload: Uint8Array;
  readonly tags: readonly string[];
  readonly stamp: Position;
  readonly freshUntil: number;
  readonly keepUntil: number;
}

interface Predicate {
  readonly ord: Ord;
  readonly matches: (fullKey: string) => boolean;
}

interface HeldPermit {
  readonly token: string;
  readonly expiresAt: number;
}

/** Bounds (I19). Beyond them the oldest knowledge is folded into the floor or dropped: colder, never stale. */
const MAX_TAGS = 100_000;
const MAX_PREDICATES = 1000;
const MAX_ENTRIES = 100_000;
const MAX_PERMITS = 100_000;

/**
 * What a server holds for one namespace, with the steps a server does in one piece: every method here is atomic. It is
 * the protocol of the coherence page in its plainest form, and the model that instances of one process share.
 */
export class HubNamespace {
  private histories = 0;
  private currentEra: Era = this.nextEra();
  private last: LogId = NO_ID;
  private floor: Ord = ordOf(this.currentEra, NO_ID);
  private permitsGiven = 0;
  private readonly tags = new Map<string, Ord>();
  private readonly predicates: Predicate[] = [];
  private readonly entries = new Map<string, StampedEntry>();
  private readonly permits = new Map<string, HeldPermit>();
  private readonly compilePattern = targetMatcher(new PatternCache());
  private readonly followers = new Set<(frame: LogFrame) => void>();

  constructor(private readonly clock: Clock) {}

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
    const patterns = invalidation.patterns.map(this.compilePattern);
    const ord = this.append(invalidation);
    if (invalidation.flush) this.floor = ord;
    for (const tag of invalidation.tags) this.raiseTag(tag, ord);
    for (const matches of patterns) this.addPredicate({ ord, matches });
    let removed = 0;
    for (const key of invalidation.keys) {
      const entry = this.entries.get(key);
      if (entry !== undefined && entry.keepUntil > this.clock.wall()) removed += 1;
      this.entries.delete(key);
      this.permits.delete(key);
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
    const held = this.permits.get(key);
    const owner = held === undefined || held.expiresAt <= now;
    const token = owner ? this.givePermit(key, now + permitMs) : held.token;
    const stale = valid && entry.freshUntil <= now ? shown(entry, now) : null;
    return { hit: false, permit: { token, position: this.position }, owner, stale };
  }

  /** SETF: absent means refuse. */
  fill(key: string, permit: FillPermit, entry: FillEntry): boolean {
    if (!this.permitStands(key, permit)) return false;
    this.permits.delete(key);
    if (outdated(entry.tags, this.entries.get(key)?.tags)) return false;
    this.store(key, entry, permit.position);
    return true;
  }

  release(key: string, permit: FillPermit): void {
    if (this.permits.get(key)?.token === permit.token) this.permits.delete(key);
  }

  /** PUT: an invalidation of the key and the new value, in one step. */
  put(key: string, entry: FillEntry, invalidation: Invalidation): boolean {
    if (outdated(entry.tags, this.entries.get(key)?.tags)) return false;
    this.append(invalidation);
    this.permits.delete(key);
    this.store(key, entry, this.position);
    return true;
  }

  /** The server lost its past: nothing that was stored before is known to be valid. */
  changeHistory(): void {
    this.currentEra = this.nextEra();
    this.floor = ordOf(this.currentEra, this.last);
    this.permits.clear();
  }

  /** True when no target of the entry was invalidated after its stamp (I1). */
  protected valid(key: string, { stamp, tags }: StampedEntry): boolean {
    const ord = ordOfPosition(stamp);
    if (eraOfPosition(stamp) !== this.currentEra || ord < this.floor) return false;
    if (tags.some((tag) => (this.tags.get(tag) ?? '') > ord)) return false;
    return !this.predicates.some((predicate) => predicate.ord > ord && predicate.matches(key));
  }

  protected permitStands(key: string, { token }: FillPermit): boolean {
    const held = this.permits.get(key);
    return held !== undefined && held.token === token && held.expiresAt > this.clock.wall();
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

  private raiseTag(tag: string, ord: Ord): void {
    this.tags.set(tag, ord);
    if (this.tags.size <= MAX_TAGS) return;
    this.tags.clear();
    this.floor = ord;
  }

  private addPredicate(predicate: Predicate): void {
    this.predicates.push(predicate);
    if (this.predicates.length <= MAX_PREDICATES) return;
    const folded = this.predicates.splice(0, MAX_PREDICATES / 2).at(-1)!.ord;
    if (folded > this.floor) this.floor = folded;
  }

  private givePermit(key: string, expiresAt: number): string {
    this.permitsGiven += 1;
    const token = `permit-${this.permitsGiven}`;
    replace(this.permits, key, { token, expiresAt }, MAX_PERMITS);
    return token;
  }

  private store(key: string, { payload, tags, freshMs, keepMs }: FillEntry, stamp: Position): void {
    const now = this.clock.wall();
    const entry = { payload, tags, stamp, freshUntil: now + freshMs, keepUntil: now + keepMs };
    replace(this.entries, key, entry, MAX_ENTRIES);
  }

  /** Fresh at every change: two histories never share an era. */
  private nextEra(): Era {
    this.histories += 1;
    return this.histories.toString(16).padStart(8, '0') + this.histories.toString(16).padStart(16, '0');
  }
}

/** What is oldest leaves a full map: a map keeps the order of insertion. */
function replace<Value>(map: Map<string, Value>, key: string, value: Value, limit: number): void {
  map.delete(key);
  if (map.size >= limit) for (const [oldest] of [...map].slice(0, Math.ceil(limit / 10))) map.delete(oldest);
  map.set(key, value);
}

function shown({ payload, tags, freshUntil, keepUntil }: StampedEntry, now: number): StoredEntry {
  return { payload, tags, freshMs: freshUntil - now, keepMs: keepUntil - now };
}
