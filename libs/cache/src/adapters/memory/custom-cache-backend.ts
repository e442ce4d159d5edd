import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock/clock.port.js';
import type { BackendFigures } from '../../core/coherence/backend-figures.js';
import {
  CacheBackend,
  type BackendRead,
  type FillEntry,
  type FillPermit,
  type ReadOptions,
  type StoredEntry,
} from '../../core/coherence/cache-backend.port.js';
import type { CoherenceEvents } from '../../core/coherence/coherence.events.js';
import { isVersionTag, outdated } from '../../core/coherence/source-version.js';
import { COHERENT_BACKEND, type BackendCapabilities } from '../../core/coherence/tier-capabilities.js';
import { CacheError } from '../../core/errors/cache-error.js';
import type { CustomInvalidationLog } from './custom-invalidation-log.js';
import { PermitTable } from './permit-table.js';
import { decodeStamped, encodeStamped } from './stamped-entry-codec.js';
import type { StoreGuard } from './store-guard.js';
import { storeKey } from './store-key.js';

/**
 * A tier over a store that knows nothing of coherence. Stamps lie in the entries and are judged here, when they are read,
 * by what the log has told; permits are this process's own. So a value read before an invalidation is never served after
 * it (G1), whatever the store keeps, loses, or gives back late.
 */
export class CustomCacheBackend extends CacheBackend {
  /** Under a shared log another process's invalidation is reflected within the lease (G2), not at once (G3). */
  override readonly capabilities: BackendCapabilities;
  private readonly permits: PermitTable;

  constructor(
    override readonly name: string,
    private readonly log: CustomInvalidationLog,
    private readonly guard: StoreGuard,
    private readonly clock: Clock,
    private readonly events: CoherenceEvents | null,
  ) {
    super();
    this.capabilities = log.leased ? { consistency: 'eventual' } : COHERENT_BACKEND;
    this.permits = new PermitTable(clock);
    log.onKeys = (keys) => {
      for (const key of keys) this.permits.revoke(key);
    };
  }

  override figures(): BackendFigures {
    return this.guard.figures();
  }

  override open(): Promise<void> {
    return Promise.resolve();
  }

  override available(): boolean {
    return this.guard.available() && this.log.stamp !== null && this.current();
  }

  override async read(key: string, { permitMs, refresh = false }: ReadOptions): Promise<BackendRead> {
    const found = await this.look(key);
    if (found !== null && found.freshMs > 0 && !refresh) return { hit: true, entry: found };
    const position = this.log.stamp;
    if (position === null) throw this.unknownPast();
    const { token, owner } = this.permits.ask(key, permitMs);
    return {
      hit: false,
      permit: { token, position },
      owner,
      stale: found !== null && found.freshMs <= 0 ? found : null,
    };
  }

  override async fill(key: string, permit: FillPermit, entry: FillEntry): Promise<boolean> {
    if (!this.permits.stands(key, permit)) return false;
    this.permits.revoke(key);
    return this.guard.change(storeKey(key), async () => {
      if (await this.isOutdated(key, entry)) return false;
      await this.store(key, entry, permit.position);
      return true;
    });
  }

  override release(key: string, permit: FillPermit): Promise<void> {
    this.permits.release(key, permit);
    return Promise.resolve();
  }

  override put(key: string, entry: FillEntry): Promise<boolean> {
    return this.guard.change(storeKey(key), async () => {
      if (await this.isOutdated(key, entry)) return false;
      const id = randomUUID();
      const target = { keys: [key], tags: [], patterns: [], flush: false };
      const position = await this.log.appendFor({ id, ...target, reason: 'set', origin: this.name });
      await this.store(key, entry, position);
      return true;
    });
  }

  override close(): Promise<void> {
    return this.guard.rest();
  }

  /** True while what other processes invalidated before the lease's time is known here. */
  private current(): boolean {
    return !this.log.leased || this.log.leaseLive(this.clock.monotonic());
  }

  /** The entry of a key if it is kept and valid, judged by what is known once the store has answered. */
  private async look(key: string): Promise<StoredEntry | null> {
    const bytes = await this.guard.get(storeKey(key));
    if (bytes === null || bytes === undefined) return null;
    const decoded = decodeStamped(bytes);
    if (decoded === null) {
      this.events?.emit('trouble', { code: 'UNREADABLE' });
      return null;
    }
    const { stamp, payload } = decoded;
    const now = this.clock.wall();
    if (stamp.key !== key || stamp.keepUntil <= now || !this.current()) return null;
    if (!this.log.valid(key, stamp.tags, stamp.lineage, stamp.stamp)) return null;
    return { payload, tags: stamp.tags, freshMs: stamp.freshUntil - now, keepMs: stamp.keepUntil - now };
  }

  private async isOutdated(key: string, { tags }: FillEntry): Promise<boolean> {
    return isVersionTag(tags[0]) && outdated(tags, (await this.look(key))?.tags);
  }

  private async store(key: string, { payload, tags, freshMs, keepMs }: FillEntry, position: string): Promise<void> {
    const now = this.clock.wall();
    const { lineage } = this.log;
    const stamp = { key, lineage, stamp: position, tags, freshUntil: now + freshMs, keepUntil: now + keepMs };
    await this.guard.set(storeKey(key), encodeStamped(stamp, payload), Math.max(1, Math.ceil(keepMs / 1000)));
  }

  private unknownPast(): CacheError {
    return new CacheError(
      'LARDER_TIER_UNAVAILABLE',
      `Expected the log of '${this.name}' to be followed, got no position yet. The method runs; nothing is to be done.`,
    );
  }
}
