import type { Clock } from '../../core/clock/clock.port.js';
import { SystemClock } from '../../core/clock/system-clock.js';
import { tagOf, tagsOfScope, type IndexScope, type ScopePart } from '../../core/prefix/index-scope.js';
import type { StoredPrefix } from '../../core/prefix/prefix-entry.js';
import {
  PrefixStore,
  type PrefixRefresh,
  type PrefixWrite,
  type RefreshedPrefix,
  type StoredLookup,
  type WrittenPrefix,
} from '../../core/prefix/prefix-store.port.js';
import { TtlTier } from '../../core/prefix/ttl-tier.js';

interface Row {
  readonly scope: IndexScope;
  readonly hash: Uint8Array;
  readonly count: number;
  readonly tier: string;
  readonly expiresAtMs: number;
  readonly order: number;
}

interface Fence {
  readonly order: number;
  /** Monotonic instant. */
  readonly raisedAt: number;
}

/** Beyond it the entries that were written longest ago go: a lost entry is a miss. */
const MAX_ENTRIES = 100_000;

/** The prefixes of one process, in its memory: the default, and the model the others are held against. */
export class InMemoryPrefixStore extends PrefixStore {
  override readonly kind = 'memory';
  override readonly shared = false;
  private readonly rows = new Map<string, Row>();
  private readonly fences = new Map<string, Fence>();
  private orders = 0;

  constructor(private readonly clock: Clock = new SystemClock()) {
    super();
  }

  override async open(): Promise<void> {}

  override async lookup(scope: IndexScope, hashes: readonly Uint8Array[]): Promise<StoredLookup> {
    const live = hashes.flatMap((hash) => this.live(keyOf(scope, hash)) ?? []);
    return { entries: live.map((row) => this.stored(row)), fence: this.fenceOf(scope) };
  }

  override async write({ scope, hash, count, tier, expiresAt, began }: PrefixWrite): Promise<WrittenPrefix | null> {
    const fence = this.fenceOf(scope);
    if ('fence' in began ? began.fence < fence : this.raisedSince(scope, this.clock.monotonic() - began.agoMs))
      return null;
    const key = keyOf(scope, hash);
    const expiresAtMs = expiresAt?.getTime() ?? this.clock.wall() + durationOf(tier);
    this.orders += 1;
    const row = { scope, hash: Uint8Array.from(hash), count, tier, expiresAtMs, order: this.orders };
    this.rows.delete(key);
    if (this.rows.size >= MAX_ENTRIES) this.rows.delete(this.rows.keys().next().value!);
    this.rows.set(key, row);
    return { entry: this.stored(row), fence };
  }

  override async refresh(refreshes: readonly PrefixRefresh[]): Promise<readonly RefreshedPrefix[]> {
    return refreshes.flatMap(({ scope, hash, expiresAt, readAgoMs }) => {
      const key = keyOf(scope, hash);
      const row = this.live(key);
      if (row === null) return [];
      const slidTo = readAgoMs === null ? 0 : this.clock.wall() - readAgoMs + durationOf(row.tier);
      const expiresAtMs = Math.max(row.expiresAtMs, expiresAt?.getTime() ?? 0, slidTo);
      const moved = { ...row, expiresAtMs };
      this.rows.set(key, moved);
      return [{ scope, entry: this.stored(moved), fence: this.fenceOf(scope) }];
    });
  }

  override async remove(parts: readonly ScopePart[]): Promise<number> {
    this.orders += 1;
    const tags = new Set(parts.map(tagOf));
    for (const tag of tags) this.fences.set(tag, { order: this.orders, raisedAt: this.clock.monotonic() });
    let removed = 0;
    for (const [key, row] of this.rows) {
      if (!tagsOfScope(row.scope).some((tag) => tags.has(tag))) continue;
      this.rows.delete(key);
      if (row.expiresAtMs > this.clock.wall()) removed += 1;
    }
    return removed;
  }

  override async sweep(graceMs: number, limit: number): Promise<number> {
    const before = this.clock.wall() - graceMs;
    const due = [...this.rows].filter(([, { expiresAtMs }]) => expiresAtMs < before).slice(0, limit);
    for (const [key] of due) this.rows.delete(key);
    return due.length;
  }

  override async close(): Promise<void> {}

  private live(key: string): Row | null {
    const row = this.rows.get(key);
    return row !== undefined && row.expiresAtMs > this.clock.wall() ? row : null;
  }

  private fenceOf(scope: IndexScope): number {
    return tagsOfScope(scope).reduce((highest, tag) => Math.max(highest, this.fences.get(tag)?.order ?? 0), 0);
  }

  private raisedSince(scope: IndexScope, instant: number): boolean {
    return tagsOfScope(scope).some((tag) => (this.fences.get(tag)?.raisedAt ?? Number.NEGATIVE_INFINITY) > instant);
  }

  private stored({ hash, count, tier, expiresAtMs, order }: Row): StoredPrefix {
    return { hash, count, tier, expiresAt: new Date(expiresAtMs), leftMs: expiresAtMs - this.clock.wall(), order };
  }
}

function durationOf(tier: string): number {
  return TtlTier.parse(tier)?.durationMs ?? 0;
}

function keyOf({ principalId, virtualModel, tokenizerVersion }: IndexScope, hash: Uint8Array): string {
  return JSON.stringify([principalId, virtualModel, tokenizerVersion, Buffer.from(hash).toString('base64')]);
}
