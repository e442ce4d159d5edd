import { randomUUID } from 'node:crypto';
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
import type { BackendCapabilities } from '../../core/coherence/tier-capabilities.js';
import { CacheError } from '../../core/errors/cache-error.js';
import type { DhtNetwork } from './dht-network.js';
import type { DhtRecord } from './dht-record.js';
import type { ResolvedDhtOptions } from './dht.options.js';
import type { Stamp } from './network-clock.js';
import type { NetworkInUse } from './network-in-use.js';

const STAMP_DIGITS = 36;

/**
 * The DHT as the shared tier: R copies of each value on the nodes nearest to its key, last write wins. A fill carries the
 * stamp that was taken before its load, so wherever an invalidation is known, what was loaded before it is not readable.
 */
export class DhtCacheBackend extends CacheBackend {
  override readonly name = 'dht';
  override readonly capabilities: BackendCapabilities = { consistency: 'eventual' };
  override readonly compartment: (() => string | null) | null;
  /** Puts of a key whose source has versions go one after the other. */
  private readonly puts = new Map<string, Promise<unknown>>();

  constructor(
    private readonly inUse: NetworkInUse,
    private readonly options: ResolvedDhtOptions,
    private readonly events: CoherenceEvents,
  ) {
    super();
    this.compartment = options.fixedNetwork === null ? () => inUse.compartment() : null;
  }

  /** The node is started with the log. */
  override open(): Promise<void> {
    return Promise.resolve();
  }

  override figures(): BackendFigures {
    return this.inUse.pool.figures();
  }

  override available(): boolean {
    return this.inUse.network()?.ready === true;
  }

  override async read(placed: string, { permitMs, refresh = false }: ReadOptions): Promise<BackendRead> {
    const network = this.network();
    const key = this.keyOf(placed);
    const stamp = network.stamp();
    const record = network.ready ? await network.find(key) : null;
    const now = network.time.now();
    const entry = record === null ? null : shown(record, now);
    if (entry !== null && entry.freshMs > 0 && !refresh) return { hit: true, entry };
    const { token, owner } = this.inUse.permits(network).ask(key, permitMs);
    const stale = entry !== null && entry.freshMs <= 0 ? entry : null;
    return { hit: false, permit: { token, position: `${stamp}00000000` }, owner, stale };
  }

  /** @throws CacheError `LARDER_VALUE_UNCACHEABLE` beyond `maxValueBytes`; `LARDER_TIER_UNAVAILABLE` where nobody took it */
  override async fill(placed: string, { token, position }: FillPermit, entry: FillEntry): Promise<boolean> {
    const network = this.network();
    const key = this.keyOf(placed);
    if (!this.inUse.permits(network).use(key, token)) return this.refused();
    const record = this.record(network, key, entry, position.slice(0, STAMP_DIGITS));
    if (await this.isOutdated(network, key, entry)) return false;
    // Its permit stands, and nobody could read it: a tag or a pattern was invalidated since its stamp.
    if (network.predicates.hits(record)) return !this.refused();
    return (await network.place(record)) === 'stored' || this.refused();
  }

  override release(placed: string, { token }: FillPermit): Promise<void> {
    this.inUse.permits(this.network()).release(this.keyOf(placed), token);
    return Promise.resolve();
  }

  /** @throws CacheError as `fill` */
  override async put(placed: string, entry: FillEntry): Promise<boolean> {
    const network = this.network();
    const key = this.keyOf(placed);
    if (!isVersionTag(entry.tags[0])) return this.store(network, key, entry);
    const before = this.puts.get(key) ?? Promise.resolve();
    const turn = before.then(
      async () => !(await this.isOutdated(network, key, entry)) && this.store(network, key, entry),
    );
    const settled = turn.catch(() => undefined); // the caller is told by `turn`; the next in line goes on
    this.puts.set(key, settled);
    void settled.then(() => this.puts.get(key) === settled && this.puts.delete(key));
    return turn;
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  /** The key is invalidated first, everywhere; the new value is a moment younger. */
  private async store(network: DhtNetwork, key: string, entry: FillEntry): Promise<boolean> {
    this.checkSize(entry);
    const nothing = { tags: [], patterns: [], flush: false };
    network.invalidate({ id: randomUUID(), keys: [key], ...nothing, reason: 'set', origin: this.name });
    return (await network.place(this.record(network, key, entry, network.stamp()))) === 'stored';
  }

  private async isOutdated(network: DhtNetwork, key: string, { tags }: FillEntry): Promise<boolean> {
    return isVersionTag(tags[0]) && outdated(tags, (await network.find(key))?.tags);
  }

  private record(network: DhtNetwork, key: string, entry: FillEntry, stamp: Stamp): DhtRecord {
    this.checkSize(entry);
    const now = network.time.now();
    const { tags, payload } = entry;
    const freshUntil = now + Math.min(entry.freshMs, this.options.maxTtlMs);
    const expiresAt = now + Math.min(entry.keepMs, this.options.maxTtlMs);
    return network.codec.encode({ key, stamp, tombstone: false, freshUntil, expiresAt, tags, payload });
  }

  /** A key without its compartment: the network itself is that. */
  private keyOf(placed: string): string {
    return this.compartment === null ? placed : placed.slice(this.compartment()?.length ?? 0);
  }

  private checkSize({ payload }: FillEntry): void {
    if (payload.length <= this.options.maxValueBytes) return;
    throw new CacheError(
      'LARDER_VALUE_UNCACHEABLE',
      `Expected a value of at most ${this.options.maxValueBytes} bytes for the DHT, got one of ${payload.length}. Return less, or raise \`maxValueBytes\` on every node.`,
    );
  }

  private refused(): false {
    this.events.emit('fenced', { count: 1 });
    return false;
  }

  private network(): DhtNetwork {
    const network = this.inUse.network();
    if (network !== null) return network;
    throw new CacheError(
      'LARDER_TIER_UNAVAILABLE',
      'Expected a network in the context, got none. Run requests inside runInNetwork(); the method runs uncached meanwhile.',
    );
  }
}

function shown({ payload, tags, freshUntil, expiresAt }: DhtRecord, now: number): StoredEntry {
  return { payload, tags, freshMs: freshUntil - now, keepMs: expiresAt - now };
}
