import type { Clock, Timer } from '../clock/clock.port.js';
import { outdated } from '../coherence/source-version.js';
import { cloneForCaller, type Snapshot } from './isolation.js';
import { L1Entry } from './l1-entry.js';
import { L1Store } from './l1-store.js';
import type { ResolvedMemoryOptions } from './l1.options.js';
import { LocalFence, type FenceMark } from './local-fence.js';
import { PatternSweep } from './pattern-sweep.js';
import { ReadJournal } from './read-journal.js';
import { PromisedTargets } from './promised-targets.js';

/** The part of a log that decides whether memory may be served. */
export interface LeaseHolder {
  readonly leased: boolean;
  /** L, ms. */
  readonly leaseMs: number;
  leaseLive(now: number): boolean;
}

/**
 * What became of an entry that was to be installed; `fenced`: something it depends on was invalidated meanwhile;
 * `outdated`: what is held is of a newer version of the source.
 */
export type Installation = 'installed' | 'fenced' | 'outdated' | 'too large' | 'closed';

/** So much more than L may have passed by the wall clock since an entry was made that is served without a lease, ms. */
const CLOCK_TOLERANCE_MS = 1000;
const SWEEP_EVERY_MS = 1000;
const SWEEP_SLICE = 2000;

/**
 * This process's memory tier: the store, the fence before it and the lease above it. Everything that invalidates comes
 * through here, so that the store and the fence never disagree.
 */
export class LocalTier {
  readonly fence = new LocalFence();
  /** How each key was last filled and why it was last missed, for operators. */
  readonly journal = new ReadJournal(this.fence);
  /** What the shared tier still owes. */
  readonly promised = new PromisedTargets();
  readonly store: L1Store;
  private readonly patterns: PatternSweep;
  private sweeper: Timer | null = null;
  private closed = false;

  constructor(
    bounds: ResolvedMemoryOptions,
    private readonly lease: LeaseHolder,
    private readonly clock: Clock,
  ) {
    this.store = new L1Store(bounds);
    this.patterns = new PatternSweep(this.store, clock);
  }

  /** True when serving needs a live lease. */
  get leased(): boolean {
    return this.lease.leased;
  }

  /**
   * True when the entry may be served at `now`: fresh, not invalidated, and under a live lease where one is needed. On
   * the hit path: a few compares and, under a lease, the clock read its caller has done.
   */
  servable(entry: L1Entry, now: number): boolean {
    if (entry.freshUntil <= now || this.invalidated(entry)) return false;
    return !this.lease.leased || this.lease.leaseLive(now) || this.servableUnleased(entry, now);
  }

  /** True when memory may be served at `now` as far as the log is concerned. */
  leaseLive(now: number): boolean {
    return !this.lease.leased || this.lease.leaseLive(now);
  }

  /** The entry of a key if it may be served at `now`. */
  fresh(key: string, now: number): L1Entry | undefined {
    const entry = this.store.get(key);
    if (entry === undefined || !this.servable(entry, now)) return undefined;
    entry.visited = true;
    return entry;
  }

  /** True when an entry of the key is held that was not invalidated, fresh or in its grace. */
  holds(key: string): boolean {
    const entry = this.store.get(key);
    return entry !== undefined && entry.keepUntil > this.clock.monotonic() && !this.invalidated(entry);
  }

  /** An entry past its fresh life that grace may still serve. */
  expiredButKept(key: string, now: number): L1Entry | undefined {
    const entry = this.store.get(key);
    if (entry === undefined || entry.freshUntil > now || entry.keepUntil <= now) return undefined;
    return this.stillValid(entry) ? entry : undefined;
  }

  /** True when the entry was not invalidated as far as can be known: what expired may stand in, what was invalidated never (I21). */
  stillValid(entry: L1Entry): boolean {
    return entry.live && !this.invalidated(entry) && this.leaseLive(this.clock.monotonic());
  }

  /** The value for a caller: the frozen copy itself, or a copy of it where it cannot be frozen. */
  handOut(entry: L1Entry): unknown {
    return entry.shared ? entry.value : cloneForCaller(entry.value);
  }

  /** An entry that is not in the store yet. */
  entry(key: string, copy: Snapshot, tags: readonly string[], freshMs: number, keepMs: number): L1Entry {
    const now = this.clock.monotonic();
    const { value, shared, bytes } = copy;
    const freshUntil = now + freshMs;
    return new L1Entry({ key, value, shared, bytes, tags, freshUntil, keepUntil: now + keepMs, madeAt: now });
  }

  /** Lets an entry be served without a lease for a moment, never past L: its value was read from the source at `loadedAt` (G2). */
  grantWithoutLease(entry: L1Entry, loadedAt: number, forMs: number): void {
    entry.unleasedUntil = loadedAt + Math.min(forMs, this.lease.leaseMs);
    entry.grantedAt = this.clock.wall();
  }

  /** Installs unless something the entry depends on was invalidated since the mark. */
  install(entry: L1Entry, mark: FenceMark): Installation {
    if (this.closed) return 'closed';
    if (!this.fence.untouched(mark, entry.key, entry.tags)) return 'fenced';
    if (this.outdated(entry.key, entry.tags)) return 'outdated';
    entry.installedAt = this.fence.current;
    if (!this.store.set(entry)) return 'too large';
    this.keepSweeping();
    return 'installed';
  }

  /** True when memory holds a newer version of the source than `tags` tell. */
  outdated(key: string, tags: readonly string[]): boolean {
    return outdated(tags, this.store.get(key)?.tags);
  }

  /** `true` when memory held the key. */
  invalidateKey(key: string): boolean {
    const held = this.holds(key);
    this.fence.invalidateKey(key);
    this.store.delete(key, 'invalidated');
    return held;
  }

  /** O(1) whatever the number of entries: they are told stale on their next read and reclaimed in the background. */
  invalidateTag(tag: string): number {
    this.fence.invalidateTag(tag);
    return this.store.deleteTag(tag, 'invalidated');
  }

  /** O(1) in effect, as for a tag; resolves with the number of entries removed once the store was swept. */
  invalidateMatching(matches: (key: string) => boolean): Promise<number> {
    return this.patterns.start(matches, this.fence.invalidateMatching(matches));
  }

  /** Everything known here is void: a flush, or the log's continuity was lost. */
  invalidateAll(): number {
    this.fence.invalidateAll();
    this.patterns.abandon();
    return this.store.clear('cleared');
  }

  /** Gives the memory back; nothing is installed any more. */
  close(): void {
    this.closed = true;
    this.sweeper?.cancel();
    this.sweeper = null;
    this.patterns.abandon();
    this.store.clear('cleared');
  }

  /**
   * By both clocks, as a lease is: the monotonic one stands still while the machine is suspended. The wall clock may only
   * shorten the moment, never lengthen it.
   */
  private servableUnleased(entry: L1Entry, now: number): boolean {
    if (entry.unleasedUntil <= now) return false;
    return Math.abs(this.clock.wall() - entry.grantedAt) <= this.lease.leaseMs + CLOCK_TOLERANCE_MS;
  }

  private invalidated(entry: L1Entry): boolean {
    return this.store.isStale(entry) || (this.patterns.active && this.patterns.dooms(entry));
  }

  private keepSweeping(): void {
    if (this.sweeper !== null || this.closed) return;
    this.sweeper = this.clock.schedule(SWEEP_EVERY_MS, () => this.sweep());
  }

  /** Gives memory of expired and invalidated entries back, a slice per turn; rests while the store is empty. */
  private sweep(): void {
    this.sweeper = null;
    if (this.closed) return;
    const { done } = this.store.sweep(SWEEP_SLICE, this.clock.monotonic());
    if (!done) this.sweeper = this.clock.schedule(0, () => this.sweep());
    else if (this.store.size > 0) this.keepSweeping();
  }
}
