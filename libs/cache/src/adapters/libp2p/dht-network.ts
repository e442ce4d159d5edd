import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../../core/clock/clock.port.js';
import type { Invalidation } from '../../core/coherence/invalidation.js';
import { logIdAt, type LogId } from '../../core/coherence/position.js';
import { targetMatcher } from '../../core/invalidation/target-matcher.js';
import { PatternCache } from '../../core/keys/pattern-cache.js';
import { Announcer } from './announcer.js';
import { CatchUp } from './catch-up.js';
import { DhtCounters, type DhtCounts } from './dht-counters.js';
import { RecordCodec, RECORD_OVERHEAD, type DhtRecord } from './dht-record.js';
import type { ResolvedDhtOptions } from './dht.options.js';
import type { StreamSetting } from './framed-stream.js';
import { MAX_GOSSIP_BYTES, decodeGossip, encodeGossip, type DatedInvalidation } from './gossip-message.js';
import { Libp2pNode } from './libp2p-node.js';
import { loadLibp2p } from './load-libp2p.js';
import { Members } from './members.js';
import { NetworkClock, stampOf, type Stamp, type WriterId } from './network-clock.js';
import { NetworkKeys } from './network-keys.js';
import { Predicates } from './predicates.js';
import { RecordServer } from './record-server.js';
import { RecordStore } from './record-store.js';
import { Repair } from './repair.js';
import { Replicas } from './replicas.js';
import { SequenceTracker } from './sequence-tracker.js';

/** Who is told of what happens in a network. */
export interface NetworkListener {
  /** Called for every invalidation, this node's own included. */
  invalidated(invalidation: Invalidation, position: string): void;
  /** Something was invalidated that is not known one by one: whatever is held beside the network may be stale. */
  reset(cause: 'gap' | 'lost-message'): void;
}

const UPKEEP_MS = 1000;
const SWEEP_SLICE = 5000;
const FORGET_EVERY = 60;
/** Room for key and tags beside the value of the largest record. */
const FRAME_SLACK = 256 * 1024;
/** Keys whose holders are told of an invalidation at once; the others learn it from the announcement. */
const MAX_TOMBSTONES = 1000;
const SEQUENCE_DIGITS = 8;

/** This process's node of one network, with all it holds and knows. */
export class DhtNetwork {
  readonly writer: WriterId = randomBytes(8).toString('hex');
  readonly time: NetworkClock;
  readonly predicates = new Predicates(targetMatcher(new PatternCache()));
  readonly sequences = new SequenceTracker();
  readonly store: RecordStore;
  readonly codec: RecordCodec;
  private readonly counters = new DhtCounters();
  private readonly keys: NetworkKeys;
  private readonly announcer: Announcer;
  private readonly catchUp: CatchUp;
  private parts: {
    node: Libp2pNode;
    members: Members;
    server: RecordServer;
    replicas: Replicas;
    repair: Repair;
  } | null = null;
  private timer: Timer | null = null;
  private upkeeps = 0;
  private closed = false;

  constructor(
    readonly network: string,
    namespace: string,
    private readonly options: ResolvedDhtOptions,
    private readonly clock: Clock,
    private readonly listener: NetworkListener,
  ) {
    this.time = new NetworkClock(clock, options.maxSkewMs);
    this.keys = new NetworkKeys(network, namespace, options.psk(network));
    this.codec = new RecordCodec(this.keys, options.prefix);
    this.store = new RecordStore(
      options.maxBytes,
      () => this.time.now(),
      (record) => this.predicates.hits(record),
    );
    this.announcer = new Announcer(clock, options.batchWindowMs, (sequence, batch) => this.publish(sequence, batch));
    this.catchUp = new CatchUp({
      clock,
      sequences: this.sequences,
      predicates: this.predicates,
      counters: this.counters,
      members: () => this.running.members,
      aloneAfterMs: options.bootstrap(network).length === 0 ? 0 : options.aloneAfterMs,
      timeoutMs: options.requestTimeoutMs,
      onLearned: () => listener.reset('gap'),
      onLost: () => this.lost(),
    });
  }

  /** @throws CacheError `LARDER_PACKAGE_MISSING`; libp2p's error where it cannot listen */
  async start(): Promise<void> {
    const { clock, options, network } = this;
    const node = await Libp2pNode.start(await loadLibp2p(), this.keys, network, options);
    const maxFrameBytes = Math.max(options.maxValueBytes + RECORD_OVERHEAD + FRAME_SLACK, 2 * MAX_GOSSIP_BYTES);
    const setting: StreamSetting = { clock: this.time, counters: this.counters, maxFrameBytes };
    const server: RecordServer = new RecordServer({ ...this.served(), addresses: () => members.tell() }, setting);
    const watcher = {
      joined: (member: Parameters<CatchUp['compareWith']>[0]) => {
        void this.catchUp.compareWith(member);
        repair.soon();
      },
      left: () => repair.soon(),
    };
    const bootstrap = options.bootstrap(network);
    const members = new Members(node, this.writer, setting, clock, options.peerTimeoutMs, watcher, bootstrap);
    const replicas: Replicas = new Replicas({
      clock,
      members,
      server,
      store: this.store,
      codec: this.codec,
      counters: this.counters,
      replication: options.replication,
      requestTimeoutMs: options.requestTimeoutMs,
      valid: (record) => this.valid(record),
      onMissed: () => repair.soon(),
    });
    const timeoutMs = options.requestTimeoutMs * 5;
    const repair: Repair = new Repair({ clock, store: this.store, replicas, counters: this.counters, timeoutMs });
    this.parts = { node, members, server, replicas, repair };
    if (this.closed) return node.stop();
    await node.serve((stream) => server.serve(stream));
    node.follow((data) => this.receive(data));
    members.start();
    repair.start();
    this.catchUp.start();
    this.upkeep();
  }

  /** False until this node knows what was invalidated; its reads are misses until then. */
  get ready(): boolean {
    return this.parts !== null && !this.closed && this.catchUp.caughtUp;
  }

  /** True when there are others to begin with, and none of them is connected. */
  get cutOff(): boolean {
    return this.parts?.members.size === 0 && this.options.bootstrap(this.network).length > 0;
  }

  /** What other nodes dial. */
  get addresses(): readonly string[] {
    return this.parts?.node.addresses ?? [];
  }

  counts(): DhtCounts {
    const { store, predicates, counters } = this;
    return {
      peers: this.parts?.members.size ?? 0,
      copies: store.size,
      bytes: store.bytes,
      tombstones: store.tombstoneCount,
      evicted: store.evicted,
      predicates: predicates.size,
      ...counters.counted,
    };
  }

  stamp(): Stamp {
    return stampOf(this.time.tick(), this.writer);
  }

  find(key: string): Promise<DhtRecord | null> {
    return this.running.replicas.find(this.codec.place(key));
  }

  place(record: DhtRecord): Promise<'stored' | 'older'> {
    return this.running.replicas.place(record);
  }

  /** Where an invalidation stands: its instant, its node, and the number of its message. Text order is the order of time. */
  invalidate(invalidation: Invalidation): string {
    const at = this.time.tick();
    this.predicates.add(invalidation, at);
    const position = positionOf(stampOf(at, this.writer), this.announcer.announce(invalidation, at));
    this.listener.invalidated(invalidation, position);
    this.bury(invalidation.keys.slice(0, MAX_TOMBSTONES), at);
    return position;
  }

  /** True once the invalidation of that position has been applied here. */
  applied(position: string): boolean {
    const [origin, sequence] = [position.slice(20, 36), Number.parseInt(position.slice(36), 16)];
    return origin === this.writer || this.sequences.has(origin, sequence);
  }

  async stop(): Promise<void> {
    if (this.closed) return;
    this.announcer.flush();
    this.closed = true;
    this.timer?.cancel();
    this.catchUp.close();
    this.parts?.repair.close();
    this.parts?.members.close();
    this.parts?.server.close();
    await this.parts?.node.stop();
    this.store.clear();
  }

  private get running() {
    if (this.parts === null) throw new Error('the node of this network has not been started');
    return this.parts;
  }

  private valid(record: DhtRecord): boolean {
    return record.expiresAt > this.time.now() && (record.tombstone || !this.predicates.hits(record));
  }

  private served() {
    const { writer, clock, time, codec, store, predicates, sequences, counters } = this;
    const { maxTtlMs, maxSkewMs } = this.options;
    return { writer, clock, time, codec, store, predicates, sequences, counters, maxTtlMs, maxSkewMs };
  }

  /** Puts tombstones where the keys' values lie: a holder that misses the announcement knows all the same. */
  private bury(keys: readonly string[], at: LogId): void {
    const expiresAt = this.time.now() + this.options.maxTtlMs + 2 * this.options.maxSkewMs;
    for (const key of keys) {
      const stamp = stampOf(at, this.writer);
      const payload = new Uint8Array(0);
      const parts = { key, stamp, tombstone: true, freshUntil: expiresAt, expiresAt, tags: [], payload };
      this.place(this.codec.encode(parts)).catch(() => this.parts?.repair.soon());
    }
  }

  private publish(sequence: number, batch: readonly DatedInvalidation[]): void {
    this.sequences.receive(this.writer, sequence);
    if (this.parts === null || this.closed) return;
    const { node } = this.parts;
    const data = encodeGossip({ origin: this.writer, sequence, batch }, this.keys);
    // Whatever becomes of the message: who misses it finds the gap in the numbers, or when members compare them.
    node.publish(data).catch(() => this.counters.count('unsent'));
  }

  /** @returns false: not of this network, and not to be passed on */
  private receive(data: Uint8Array): boolean {
    const message = decodeGossip(data, this.keys);
    if (typeof message === 'string') {
      this.counters.count(message === 'forged' ? 'forged' : 'malformed');
      return false;
    }
    const { origin, sequence, batch } = message;
    if (!this.closed && this.sequences.receive(origin, sequence)) {
      for (const { at, invalidation } of batch) this.hear(invalidation, at, positionOf(stampOf(at, origin), sequence));
      if (this.sequences.gap) this.catchUp.gap();
    }
    return true;
  }

  /** An instant that cannot be believed is replaced by our own: that is later, and errs to the safe side. */
  private hear(invalidation: Invalidation, at: LogId, position: string): void {
    const believed = this.time.observe(at);
    if (!believed) this.counters.count('skewed');
    this.predicates.add(invalidation, believed ? at : this.time.tick());
    this.listener.invalidated(invalidation, position);
  }

  /** Nobody knows what was invalidated: nothing from before now is valid. */
  private lost(): void {
    const nothing = { id: '', keys: [], tags: [], patterns: [], reason: 'lost message', origin: this.writer };
    this.predicates.add({ ...nothing, flush: true }, this.time.tick());
    this.listener.reset('lost-message');
  }

  private upkeep(): void {
    this.store.sweep(SWEEP_SLICE);
    this.upkeeps += 1;
    const { maxTtlMs, maxSkewMs } = this.options;
    if (this.upkeeps % FORGET_EVERY === 0) {
      this.predicates.forget(logIdAt(Math.max(0, Math.floor(this.time.now() - maxTtlMs - 2 * maxSkewMs))));
    }
    this.timer = this.clock.schedule(UPKEEP_MS, () => this.upkeep());
  }
}

/** Where something stands: its instant, its node, the number of its message. */
function positionOf(stamp: Stamp, sequence: number): string {
  return stamp + sequence.toString(16).padStart(SEQUENCE_DIGITS, '0');
}
