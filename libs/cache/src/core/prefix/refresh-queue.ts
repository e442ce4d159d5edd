import type { Clock, Timer } from '../clock/clock.port.js';
import type { IndexScope } from './index-scope.js';
import type { PrefixRefresh } from './prefix-store.port.js';

/** What the queue has done since start. */
export interface RefreshCounters {
  /** Refreshes that were asked for. */
  asked: number;
  /** Statements that carried them to the store. */
  flushes: number;
  /** Flushes that failed and were kept for the next. */
  failures: number;
  /** Refreshes given up because the queue was full; their entries live as long as they would have. */
  dropped: number;
}

interface Pending {
  readonly scope: IndexScope;
  readonly hash: Uint8Array;
  expiresAt: Date | null;
  /** Monotonic instant of the last read. */
  readAt: number | null;
}

/** So many travel in one statement. */
const BATCH = 500;

/**
 * Refreshes on their way to the store: those of one entry within a window become one, and those of a window one statement
 * (REQ-001-17). Bounded; flushed on close (REQ-001-20). What is lost with the process are the refreshes of one window.
 */
export class RefreshQueue {
  readonly counters: RefreshCounters = { asked: 0, flushes: 0, failures: 0, dropped: 0 };
  private pending = new Map<string, Pending>();
  /** Entries that were flushed early in this window: they have a whole duration before them. */
  private readonly hurried = new Set<string>();
  private timer: Timer | null = null;
  private flushing: Promise<void> | null = null;
  private closed = false;

  constructor(
    private readonly send: (refreshes: readonly PrefixRefresh[]) => Promise<void>,
    private readonly clock: Clock,
    private readonly windowMs: number,
    private readonly maxPending: number,
    private readonly onTrouble: (error: unknown) => void,
  ) {}

  get size(): number {
    return this.pending.size;
  }

  /**
   * @param expiresAt `null`: the entry was read now, and lives for its tier's duration from now
   * @param leftMs what is left of its life, where that is known: one about to expire is not kept waiting
   */
  add(scope: IndexScope, hash: Uint8Array, expiresAt: Date | null, leftMs = Number.POSITIVE_INFINITY): void {
    this.counters.asked += 1;
    const key = keyOf(scope, hash);
    const known = this.pending.get(key);
    if (known === undefined && this.pending.size >= this.maxPending) {
      this.counters.dropped += 1;
      return;
    }
    const next = known ?? { scope, hash: Uint8Array.from(hash), expiresAt: null, readAt: null };
    if (expiresAt === null) next.readAt = this.clock.monotonic();
    else if (next.expiresAt === null || expiresAt > next.expiresAt) next.expiresAt = expiresAt;
    this.pending.set(key, next);
    const urgent = leftMs <= 2 * this.windowMs && !this.hurried.has(key);
    if (urgent) this.hurried.add(key);
    if (urgent || this.closed) void this.flush();
    if (!this.closed) this.flushLater();
  }

  /** Sends what is pending now. Never rejects: what could not be sent waits for the next flush. */
  async flush(): Promise<void> {
    while (this.flushing !== null) await this.flushing;
    if (this.pending.size === 0) return;
    this.flushing = this.sendAll();
    await this.flushing;
  }

  /** Sends what is pending; from now on nothing is kept waiting. Resolves within `limitMs`, whatever the store does. */
  async close(limitMs: number): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    await Promise.race([this.flush(), this.clock.sleep(limitMs)]);
    this.timer?.cancel();
  }

  private async sendAll(): Promise<void> {
    const batch = this.pending;
    this.pending = new Map();
    const now = this.clock.monotonic();
    const items = [...batch];
    try {
      while (items.length > 0) {
        const part = items.slice(0, BATCH);
        await this.send(
          part.map(([, { scope, hash, expiresAt, readAt }]) => ({
            scope,
            hash,
            expiresAt,
            readAgoMs: readAt === null ? null : now - readAt,
          })),
        );
        this.counters.flushes += 1;
        items.splice(0, part.length);
      }
    } catch (error) {
      this.counters.failures += 1;
      this.takeBack(items);
      this.onTrouble(error);
    } finally {
      this.flushing = null;
    }
  }

  /** They wait for the next window, behind what has come meanwhile. */
  private takeBack(items: readonly [string, Pending][]): void {
    for (const [key, item] of items) {
      const newer = this.pending.get(key);
      if (newer !== undefined) {
        newer.readAt ??= item.readAt;
        if (item.expiresAt !== null && (newer.expiresAt === null || item.expiresAt > newer.expiresAt))
          newer.expiresAt = item.expiresAt;
      } else if (this.pending.size < this.maxPending) this.pending.set(key, item);
      else this.counters.dropped += 1;
    }
    if (this.pending.size > 0 && !this.closed) this.flushLater();
  }

  private flushLater(): void {
    this.timer ??= this.clock.schedule(this.windowMs, () => {
      this.timer = null;
      this.hurried.clear();
      void this.flush();
    });
  }
}

function keyOf({ principalId, virtualModel, tokenizerVersion }: IndexScope, hash: Uint8Array): string {
  return JSON.stringify([principalId, virtualModel, tokenizerVersion, Buffer.from(hash).toString('base64')]);
}
