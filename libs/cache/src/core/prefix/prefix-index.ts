import type { Clock } from '../clock/clock.port.js';
import type { ReadExtent, RecordAccelerator } from '../coherence/record-accelerator.port.js';
import { CacheError, describeInput } from '../errors/cache-error.js';
import type {
  InvalidateOptions,
  InvalidationResult,
  InvalidationService,
} from '../invalidation/invalidation-service.js';
import { AcceleratedPrefixes, type AcceleratedLook, type AcceleratorCounters } from './accelerated-prefixes.js';
import { distinct, firstOf } from './candidates.js';
import { checkedScope, prefixIntent, type IndexScope, type ScopePart } from './index-scope.js';
import {
  assertHash,
  assertInstant,
  assertTier,
  storableCount,
  toMatch,
  type PrefixEntry,
  type PrefixHash,
  type PrefixMatch,
  type StoredPrefix,
} from './prefix-entry.js';
import { databaseError, invalidData, principalError } from './prefix-errors.js';
import {
  resolvePrefixIndexOptions,
  type PrefixIndexOptions,
  type ResolvedPrefixIndexOptions,
} from './prefix-index.options.js';
import type { PrefixRefresh, PrefixStore, WriteBegin } from './prefix-store.port.js';
import { PrefixTicket } from './prefix-ticket.js';
import { ScopeNaming } from './scope-names.js';
import { RefreshQueue, type RefreshCounters } from './refresh-queue.js';

/** A lookup that a write may follow. */
export interface TicketedLookup {
  readonly matches: readonly PrefixMatch[];
  readonly ticket: PrefixTicket;
}

/** What an index is made of. */
export interface PrefixIndexParts {
  readonly store: PrefixStore;
  /** `null`: every lookup asks the store. */
  readonly accelerator: RecordAccelerator | null;
  readonly clock: Clock;
  readonly invalidations: InvalidationService;
  readonly options: PrefixIndexOptions;
  /** True while an invalidation of one of the tags was promised to a writer here and is not applied yet (G5). */
  readonly withheld: (tags: readonly string[]) => boolean;
  /** Told of failures that no caller sees. */
  readonly onTrouble: (what: string, error: unknown) => void;
}

interface Found {
  readonly entries: readonly StoredPrefix[];
  readonly ticket: PrefixTicket;
}

/** So long a close waits for refreshes on their way, ms. */
const CLOSE_WITHIN_MS = 5_000;

/**
 * The index of prompt prefixes: which prefixes of a prompt are known, and how many tokens they have. A cache, not a ledger: a
 * lost entry is a miss. Every method rejects when it cannot tell; `PrefixCache` above it swallows that as "no cache".
 */
export class PrefixIndex {
  private readonly options: ResolvedPrefixIndexOptions;
  private readonly accelerated: AcceleratedPrefixes | null;
  private readonly queue: RefreshQueue | null;
  private readonly naming = new ScopeNaming();
  private statements = 0;

  /** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID` */
  constructor(private readonly parts: PrefixIndexParts) {
    const { accelerator, clock, options, onTrouble } = parts;
    this.options = resolvePrefixIndexOptions(options, accelerator !== null);
    const { softTimeoutMs, refreshWindowMs, maxPendingRefreshes } = this.options;
    this.accelerated =
      accelerator === null
        ? null
        : new AcceleratedPrefixes(accelerator, this.naming, clock, softTimeoutMs, (error) =>
            onTrouble('accelerator', error),
          );
    this.queue =
      refreshWindowMs === 0
        ? null
        : new RefreshQueue(
            (refreshes) => this.refreshNow(refreshes),
            clock,
            refreshWindowMs,
            maxPendingRefreshes,
            (error) => onTrouble('refresh', error),
          );
  }

  /** Since start. `storeLookups`: lookups that asked the store. */
  get counters(): {
    readonly storeLookups: number;
    readonly accelerator: Readonly<AcceleratorCounters> | null;
    readonly refreshes: Readonly<RefreshCounters> | null;
  } {
    const { accelerated, queue, statements } = this;
    return {
      storeLookups: statements,
      accelerator: accelerated === null ? null : { ...accelerated.counters },
      refreshes: queue === null ? null : { ...queue.counters },
    };
  }

  /**
   * Which of the candidates are live entries of the scope: each once, in any order. One statement at most, whatever their
   * number; none for none. Changes nothing.
   *
   * @throws CacheError `LARDER_PREFIX_DATABASE`, `LARDER_PREFIX_PRINCIPAL`, `LARDER_PREFIX_INVALID`
   */
  async lookup(scope: IndexScope, candidateHashes: readonly PrefixHash[]): Promise<PrefixMatch[]> {
    return [...(await this.begin(scope, candidateHashes)).matches];
  }

  /** As {@link lookup}, with the ticket for a write that follows. */
  async begin(scope: IndexScope, candidateHashes: readonly PrefixHash[]): Promise<TicketedLookup> {
    const { entries, ticket } = await this.find(scope, candidateHashes, 'all');
    return { matches: entries.map(toMatch), ticket };
  }

  /**
   * The longest live prefix, of candidates that are given longest first; what is shorter is not asked for where the
   * accelerator knows a longer one.
   */
  async longest(
    scope: IndexScope,
    candidateHashes: readonly PrefixHash[],
  ): Promise<{ readonly match: PrefixMatch | null; readonly leftMs: number; readonly ticket: PrefixTicket }> {
    const { entries, ticket } = await this.find(scope, candidateHashes, 'first');
    const first = entries.length < 2 ? entries[0] : firstOf(candidateHashes, entries);
    if (first === undefined) return { match: null, leftMs: 0, ticket };
    return { match: toMatch(first), leftMs: first.leftMs, ticket };
  }

  /**
   * Records a write; durable when it resolves. An entry of the same scope and hash gets count, tier and expiry anew. Call it
   * after the response has succeeded, with the ticket of the lookup that began it.
   *
   * @returns `false` where a part of the scope was invalidated since it began: nothing was written
   * @throws CacheError `LARDER_PREFIX_DATABASE`, `LARDER_PREFIX_PRINCIPAL`, `LARDER_PREFIX_INVALID`
   */
  async write(entry: PrefixEntry, ticket: PrefixTicket | null = null): Promise<boolean> {
    const calledAt = this.parts.clock.monotonic();
    const { prefixHash, cumulativeTokenCount, ttlTier, expiresAt = null } = entry;
    assertHash(prefixHash);
    assertTier(ttlTier);
    if (expiresAt !== null) assertInstant(expiresAt);
    const count = storableCount(cumulativeTokenCount);
    const scope = await this.scopeOf(entry.scope);
    const look = (await this.accelerated?.look(scope, [])) ?? null;
    const began: WriteBegin =
      ticket?.fence == null
        ? { agoMs: this.parts.clock.monotonic() - (ticket?.takenAt ?? calledAt) }
        : { fence: ticket.fence };
    const write = { scope, hash: prefixHash, count, tier: ttlTier.asStr(), expiresAt, began };
    const written = await this.asked(() => this.parts.store.write(write));
    if (written === null) return false;
    if (look !== null) await this.accelerated?.keep(scope, look.reading, [written.entry], written.fence);
    else await this.accelerated?.drop(scope, [prefixHash]);
    return true;
  }

  /**
   * Moves an entry's expiry forward, never back. One that has expired, was invalidated or never was is left as it is, and that
   * is no error. Behind an accelerator it is debounced: then it resolves when it is noted.
   *
   * @throws CacheError `LARDER_PREFIX_DATABASE`, `LARDER_PREFIX_PRINCIPAL`, `LARDER_PREFIX_INVALID`
   */
  async refresh(scope: IndexScope, prefixHash: PrefixHash, newExpiresAt: Date): Promise<void> {
    assertInstant(newExpiresAt);
    await this.slideTo(scope, prefixHash, newExpiresAt);
  }

  /** As {@link refresh}, by the duration of the entry's own tier from now, by the store's clock. */
  async slide(scope: IndexScope, prefixHash: PrefixHash, leftMs?: number): Promise<void> {
    await this.slideTo(scope, prefixHash, null, leftMs);
  }

  /**
   * Takes a part of the index away on the one removal road: from the store for good, then from the log, so from every
   * instance, and into the audit. Writes that began before it are refused, on every instance.
   *
   * @throws CacheError `LARDER_PREFIX_INVALID`, `LARDER_PREFIX_PRINCIPAL`, or as an invalidation that was not applied
   */
  async invalidate(part: ScopePart, options: InvalidateOptions = {}): Promise<InvalidationResult> {
    return this.parts.invalidations.invalidate([prefixIntent(part)], { reason: 'prefix index', ...options });
  }

  /** Sends the refreshes that wait. Never rejects. */
  async flush(): Promise<void> {
    await this.queue?.flush();
  }

  /** Sends the refreshes that wait; later ones are not kept waiting. */
  async drain(): Promise<void> {
    await this.queue?.close(CLOSE_WITHIN_MS);
    await this.accelerated?.settle();
  }

  private async slideTo(named: IndexScope, hash: PrefixHash, at: Date | null, leftMs?: number): Promise<void> {
    assertHash(hash);
    const scope = await this.scopeOf(named);
    if (this.queue === null) await this.refreshNow([{ scope, hash, expiresAt: at, readAgoMs: at === null ? 0 : null }]);
    else this.queue.add(scope, hash, at, leftMs);
  }

  private async find(named: IndexScope, candidates: readonly PrefixHash[], extent: ReadExtent): Promise<Found> {
    const startedAt = this.parts.clock.monotonic();
    const byTime = new PrefixTicket(null, startedAt);
    const hashes = distinct(candidates);
    const scope = await this.scopeOf(named);
    if (hashes.length === 0 || this.parts.withheld(this.naming.namesOf(scope).tags))
      return { entries: [], ticket: byTime };
    const look = (await this.accelerated?.look(scope, hashes, extent)) ?? null;
    const held: StoredPrefix[] = [];
    const unknown: PrefixHash[] = [];
    let heldFence = 0;
    for (let index = 0; index < hashes.length; index += 1) {
      const record = look?.found[index] ?? null;
      if (record === null) unknown.push(hashes[index]!);
      else {
        held.push(record);
        heldFence = Math.max(heldFence, record.fence);
        if (extent === 'first') break;
      }
    }
    if (unknown.length === 0) return { entries: held, ticket: new PrefixTicket(heldFence, startedAt) };
    this.statements += 1;
    const { entries, fence } = await this.asked(() => this.parts.store.lookup(scope, unknown));
    if (look !== null && entries.length > 0) void this.accelerated?.keep(scope, look.reading, entries, fence);
    return { entries: [...held, ...entries], ticket: new PrefixTicket(fence, startedAt) };
  }

  private async refreshNow(refreshes: readonly PrefixRefresh[]): Promise<void> {
    const looks = new Map<string, Promise<AcceleratedLook | null>>();
    // Before the store is asked. What the accelerator does not hear of expires there as it would have.
    if (this.accelerated !== null) {
      for (const { scope } of refreshes) {
        const name = nameOf(scope);
        if (!looks.has(name)) looks.set(name, this.accelerated.look(scope, []));
      }
      await Promise.all(looks.values());
    }
    const live = await this.asked(() => this.parts.store.refresh(refreshes));
    for (const { scope, entry, fence } of live) {
      const look = await looks.get(nameOf(scope));
      if (look) await this.accelerated?.keep(scope, look.reading, [entry], fence);
    }
  }

  private async scopeOf(named: IndexScope): Promise<IndexScope> {
    const { principal } = this.options;
    if (principal == null) return checkedScope(named);
    if (typeof named !== 'object' || named === null) throw invalidData(`expected a scope, got ${describeInput(named)}`);
    let principalId: string | null;
    try {
      principalId = await principal(named.principalId);
    } catch (error) {
      throw principalError(error);
    }
    if (principalId === null) throw principalError('nobody owns it');
    return checkedScope({ ...named, principalId });
  }

  private async asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw error instanceof CacheError && error.code.startsWith('LARDER_PREFIX_') ? error : databaseError(error);
    }
  }
}

function nameOf({ principalId, virtualModel, tokenizerVersion }: IndexScope): string {
  return JSON.stringify([principalId, virtualModel, tokenizerVersion]);
}
