import type { Stream } from '@libp2p/interface';
import type { Clock } from '../../core/clock/clock.port.js';
import type { RecordCodec } from './dht-record.js';
import { FramedStream, type StreamSetting } from './framed-stream.js';
import type { NetworkClock, WriterId } from './network-clock.js';
import { instantOf } from './network-clock.js';
import type { Place } from './placement.js';
import type { Predicates, PredicateRow } from './predicates.js';
import type { RecordStore } from './record-store.js';
import type { SequenceTracker } from './sequence-tracker.js';
import { FrameKind, type Frame } from './wire-frames.js';
import {
  StoreAnswer,
  decodePairs,
  decodePlace,
  encodeHello,
  encodePage,
  encodeStoreReply,
  encodeSync,
  type StoreReply,
} from './wire-messages.js';
import type { DhtCounters } from './dht-counters.js';

/** What a node answers from. */
export interface ServedParts {
  readonly writer: WriterId;
  readonly clock: Clock;
  readonly time: NetworkClock;
  readonly codec: RecordCodec;
  readonly store: RecordStore;
  readonly predicates: Predicates;
  readonly sequences: SequenceTracker;
  readonly counters: DhtCounters;
  readonly maxTtlMs: number;
  readonly maxSkewMs: number;
  /** Addresses of the members, for who looks for them. */
  readonly addresses: () => readonly string[];
}

const ROWS_PER_PAGE = 500;
/** Snapshot pages wait for the peer to read beyond this, bytes. */
const BACKLOG_BYTES = 4 * 1024 * 1024;
const BACKLOG_WAIT_MS = 5;
/** A record that was asked for is on its way for so long, ms; nobody else is asked for it meanwhile. */
const EXPECTED_MS = 2000;
const MAX_EXPECTED = 100_000;
const NOTHING = new Uint8Array(0);

/** Answers what other nodes ask. Nothing that comes in can throw; what cannot be read is refused and counted. */
export class RecordServer {
  private readonly streams = new Set<FramedStream>();
  private readonly expected = new Map<Place, number>();

  constructor(
    private readonly parts: ServedParts,
    private readonly setting: StreamSetting,
  ) {}

  serve(stream: Stream): void {
    const framed: FramedStream = new FramedStream(
      stream,
      this.setting,
      (frame) => this.answer(framed, frame),
      () => this.streams.delete(framed),
    );
    this.streams.add(framed);
  }

  close(): void {
    for (const stream of this.streams) stream.abort('closed');
  }

  /** Stores what came in; the same for what this node stores itself. */
  store(sealed: Uint8Array): StoreReply {
    const { codec, counters, store, time, maxTtlMs, maxSkewMs } = this.parts;
    const record = codec.decode(sealed);
    const longest = time.now() + maxTtlMs + 4 * maxSkewMs;
    if (record === null || record.expiresAt > longest) {
      counters.count('forged');
      return { answer: StoreAnswer.forged, had: false };
    }
    if (!time.observe(instantOf(record.stamp))) {
      counters.count('skewed');
      return { answer: StoreAnswer.skewed, had: false };
    }
    const before = store.get(record.place);
    const answer = StoreAnswer[store.put(record)];
    this.expected.delete(record.place);
    return { answer, had: answer === StoreAnswer.stored && before !== null && !before.tombstone };
  }

  private answer(stream: FramedStream, { kind, id, payload }: Frame): void {
    const answer = kind === FrameKind.snapshot ? NOTHING : this.answerTo(kind, payload);
    if (answer === null) {
      this.parts.counters.count('malformed');
      stream.send(FrameKind.refused, id, NOTHING);
    } else if (kind === FrameKind.snapshot) void this.sendSnapshot(stream, id);
    else stream.send(FrameKind.reply, id, answer);
  }

  /** `null`: not to be read. */
  private answerTo(kind: FrameKind, payload: Uint8Array): Uint8Array | null {
    const { writer, store, sequences, addresses } = this.parts;
    switch (kind) {
      case FrameKind.hello:
        return encodeHello({ writer });
      case FrameKind.find: {
        const place = decodePlace(payload);
        return place === null ? null : (store.get(place)?.sealed ?? NOTHING);
      }
      case FrameKind.store:
        return encodeStoreReply(this.store(payload));
      case FrameKind.lack:
        return this.lacking(payload);
      case FrameKind.sync:
        return encodeSync({ vector: sequences.vector(), peers: addresses() });
      default:
        return null;
    }
  }

  /** One byte for each pair: whether the record is wanted. Of several who offer it, one sends it. */
  private lacking(payload: Uint8Array): Uint8Array | null {
    const pairs = decodePairs(payload);
    if (pairs === null) return null;
    const now = this.parts.clock.monotonic();
    return Uint8Array.from(pairs, ({ place, stamp }) => {
      if (!this.parts.store.lacks(place, stamp)) return 0;
      if ((this.expected.get(place) ?? 0) > now) return 2;
      this.expected.delete(place);
      this.expected.set(place, now + EXPECTED_MS);
      if (this.expected.size > MAX_EXPECTED) this.expected.delete(this.expected.keys().next().value!);
      return 1;
    });
  }

  /** The vector is taken first: it may tell of less than the rows, never of more. */
  private async sendSnapshot(stream: FramedStream, id: number): Promise<void> {
    let vector = this.parts.sequences.vector();
    let rows: PredicateRow[] = [];
    for (const row of this.parts.predicates.rows()) {
      rows.push(row);
      if (rows.length < ROWS_PER_PAGE) continue;
      if (!stream.send(FrameKind.page, id, encodePage({ vector, rows }))) return;
      [vector, rows] = [[], []];
      while (stream.backlog > BACKLOG_BYTES) await this.parts.clock.sleep(BACKLOG_WAIT_MS);
    }
    stream.send(FrameKind.reply, id, encodePage({ vector, rows }));
  }
}
