import fc from 'fast-check';
import { Announcer } from '../../../libs/cache/src/adapters/libp2p/announcer.js';
import { DhtCounters } from '../../../libs/cache/src/adapters/libp2p/dht-counters.js';
import { RecordCodec } from '../../../libs/cache/src/adapters/libp2p/dht-record.js';
import {
  decodeGossip,
  encodeGossip,
  type DatedInvalidation,
} from '../../../libs/cache/src/adapters/libp2p/gossip-message.js';
import { NetworkClock, stampOf } from '../../../libs/cache/src/adapters/libp2p/network-clock.js';
import { NetworkKeys } from '../../../libs/cache/src/adapters/libp2p/network-keys.js';
import { Predicates } from '../../../libs/cache/src/adapters/libp2p/predicates.js';
import { nearest, placeOfPeer } from '../../../libs/cache/src/adapters/libp2p/placement.js';
import { RecordServer } from '../../../libs/cache/src/adapters/libp2p/record-server.js';
import { RecordStore } from '../../../libs/cache/src/adapters/libp2p/record-store.js';
import { SequenceTracker } from '../../../libs/cache/src/adapters/libp2p/sequence-tracker.js';
import {
  FrameKind,
  FrameReader,
  encodeFrame,
  type Frame,
} from '../../../libs/cache/src/adapters/libp2p/wire-frames.js';
import { resolveDhtOptions } from '../../../libs/cache/src/adapters/libp2p/dht.options.js';
import { logIdAt } from '../../../libs/cache/src/core/coherence/position.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

const keys = new NetworkKeys('net', 'app', 'a secret of sixteen');
const WRITER = 'ab'.repeat(8);
const at = logIdAt(77, 5);

const invalidation = (id: string, targets = {}) => ({
  id,
  keys: ['k'],
  tags: [],
  patterns: [],
  flush: false,
  reason: '',
  origin: 'o',
  ...targets,
});

/** A stream whose other end is the test. */
class FakeStream extends EventTarget {
  readonly sent: Frame[] = [];
  readonly writableNeedsDrain = false;
  inactivityTimeout = 0;
  aborted = false;
  private readonly reader = new FrameReader(10_000_000);

  send(bytes: Uint8Array): boolean {
    this.sent.push(...this.reader.push(bytes));
    return true;
  }

  abort(): void {
    this.aborted = true;
  }

  arrive(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }
}

function serverOf() {
  const clock = new ManualClock();
  const time = new NetworkClock(clock, 60_000);
  const counters = new DhtCounters();
  const codec = new RecordCodec(keys, 'cache:');
  const predicates = new Predicates(() => () => false);
  const store = new RecordStore(
    1e7,
    () => time.now(),
    () => false,
  );
  const sequences = new SequenceTracker();
  const server = new RecordServer(
    {
      writer: WRITER,
      clock,
      time,
      codec,
      store,
      predicates,
      sequences,
      counters,
      maxTtlMs: 1000,
      maxSkewMs: 60_000,
      addresses: () => [],
    },
    { clock: time, counters, maxFrameBytes: 10_000 },
  );
  return { server, counters, store, codec, time };
}

describe('frames', () => {
  it('are read in whatever pieces they arrive', () => {
    const frame = fc.record({
      kind: fc.constantFrom(...Object.values(FrameKind)),
      id: fc.nat(),
      payload: fc.uint8Array({ maxLength: 200 }),
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 10 }), fc.integer({ min: 1, max: 50 }), (frames, step) => {
        const bytes = Buffer.concat(frames.map((each) => encodeFrame({ ...each, at })));
        const reader = new FrameReader(1000);
        const read: Frame[] = [];
        for (let from = 0; from < bytes.length; from += step)
          read.push(...reader.push(bytes.subarray(from, from + step)));
        expect(read.map(({ payload, ...rest }) => ({ ...rest, payload: [...payload] }))).toEqual(
          frames.map(({ kind, id, payload }) => ({ kind, id, at, payload: [...payload] })),
        );
        expect(reader.broken).toBe(false);
      }),
    );
  });

  it('beyond the bound break the stream before anything is gathered', () => {
    const reader = new FrameReader(100);
    reader.push(encodeFrame({ kind: FrameKind.find, id: 1, at, payload: new Uint8Array(101) }).subarray(0, 4));
    expect(reader.broken).toBe(true);
  });

  it('are refused, counted or dropped by the thousand, and none ends the server: 20,000 of them', async () => {
    const { server, counters, store, codec, time } = serverOf();
    const good = codec.encode({
      key: 'k',
      stamp: stampOf(time.tick(), WRITER),
      tombstone: false,
      freshUntil: time.now() + 500,
      expiresAt: time.now() + 500,
      tags: ['t'],
      payload: new Uint8Array(40),
    }).sealed;
    const random = fc.sample(fc.uint8Array({ maxLength: 120 }), { numRuns: 2000, seed: 7 });
    let broken = 0;
    let next = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const stream = new FakeStream();
      server.serve(stream as never);
      next = (next * 1_103_515_245 + 12_345) % 0x7fff_ffff;
      const noise = random[round % random.length]!;
      const kind = Object.values(FrameKind)[next % 9]!;
      const damaged = Buffer.from(good);
      damaged[next % damaged.length]! ^= 1 + (next % 255);
      const payload = round % 3 === 0 ? noise : round % 3 === 1 ? damaged : good.subarray(0, next % good.length);
      const frame = encodeFrame({ kind, id: round, at, payload });
      if (round % 5 === 0) frame[next % frame.length]! ^= 0x55;
      stream.arrive(round % 7 === 0 ? noise : frame);
      if (stream.aborted) broken += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.size).toBe(0);
    expect(counters.counted.forged).toBeGreaterThan(500);
    expect(counters.counted.malformed).toBeGreaterThan(1000);
    expect(broken).toBeGreaterThan(500);
    const stream = new FakeStream();
    server.serve(stream as never);
    stream.arrive(encodeFrame({ kind: FrameKind.store, id: 1, at, payload: good }));
    await Promise.resolve();
    expect([...stream.sent[0]!.payload]).toEqual([0, 0]);
    expect(store.size).toBe(1);
  });

  it('with a record from too fast a clock, or one that outlives the bound, store nothing', () => {
    const { server, counters, store, codec, time } = serverOf();
    const record = (stampMs: number, expiresAt: number) =>
      codec.encode({
        key: 'k',
        stamp: stampOf(logIdAt(Math.floor(time.now() + stampMs)), WRITER),
        tombstone: false,
        freshUntil: expiresAt,
        expiresAt,
        tags: [],
        payload: new Uint8Array(0),
      }).sealed;
    server.store(record(121_000, time.now() + 500));
    server.store(record(0, time.now() + 1_000_000));
    expect(store.size).toBe(0);
    expect(counters.counted).toMatchObject({ skewed: 1, forged: 1 });
  });
});

describe('announcements', () => {
  it('are read by their network, and by nobody else', () => {
    const message = { origin: WRITER, sequence: 3, batch: [{ at, invalidation: invalidation('i') }] };
    const sealed = encodeGossip(message, keys);
    expect(decodeGossip(sealed, keys)).toEqual(message);
    expect(decodeGossip(sealed, new NetworkKeys('other', 'app', 'a secret of sixteen'))).toBe('forged');
    for (const wrong of ['', '[]', '{"v":1}', JSON.stringify({ v: 1, o: WRITER, s: 0, b: [] }), '{"v":1,"o":"x"}']) {
      expect(decodeGossip(keys.seal(Buffer.from(wrong)), keys)).toBe('unreadable');
    }
    expect(decodeGossip(keys.seal(new Uint8Array(70_000)), keys)).toBe('unreadable');
  });

  it('leave at once after a quiet time, then together, numbered without a gap', () => {
    const clock = new ManualClock();
    const sent: { sequence: number; ids: string[] }[] = [];
    const announcer = new Announcer(clock, 50, (sequence, batch: readonly DatedInvalidation[]) =>
      sent.push({ sequence, ids: batch.map((each) => each.invalidation.id) }),
    );
    expect(announcer.announce(invalidation('a'), at)).toBe(1);
    expect(announcer.announce(invalidation('b'), at)).toBe(2);
    expect(announcer.announce(invalidation('c'), at)).toBe(2);
    expect(sent).toEqual([{ sequence: 1, ids: ['a'] }]);
    clock.advance(50);
    expect(sent[1]).toEqual({ sequence: 2, ids: ['b', 'c'] });
    clock.advance(100);
    announcer.announce(invalidation('d'), at);
    expect(sent[2]).toEqual({ sequence: 3, ids: ['d'] });
    expect(clock.pendingTimers).toBe(0);
  });

  it('of many targets are cut into messages that every node takes', () => {
    const sizes: number[] = [];
    const announcer = new Announcer(new ManualClock(), 50, (sequence, batch) => {
      const sealed = encodeGossip({ origin: WRITER, sequence, batch }, keys);
      expect(typeof decodeGossip(sealed, keys)).toBe('object');
      sizes.push(batch.reduce((sum, each) => sum + each.invalidation.keys.length, 0));
    });
    announcer.announce(invalidation('many', { keys: Array.from({ length: 3000 }, (_, n) => `user:get:${n}`) }), at);
    announcer.flush();
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3000);
  });
});

describe('the numbers of messages', () => {
  it('show what is missing, in whatever order the others come', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          Array.from({ length: 12 }, (_, n) => n + 1),
          { minLength: 1 },
        ),
        (heard) => {
          const tracker = new SequenceTracker();
          for (const sequence of heard) expect(tracker.receive(WRITER, sequence)).toBe(true);
          for (const sequence of heard) expect(tracker.receive(WRITER, sequence)).toBe(false);
          expect(tracker.gap).toBe(Math.max(...heard) !== heard.length);
          expect(tracker.behind([[WRITER, 12]])).toBe(heard.length < 12);
          tracker.adopt([[WRITER, 12]]);
          expect([tracker.gap, tracker.behind([[WRITER, 12]])]).toEqual([false, false]);
        },
      ),
    );
  });

  it('of ever new nodes are bounded', () => {
    const tracker = new SequenceTracker(100);
    for (let n = 0; n < 1000; n += 1) tracker.receive(n.toString(16).padStart(16, '0'), 1);
    expect(tracker.vector()).toHaveLength(100);
  });
});

describe('placement', () => {
  it('finds the nearest by XOR, alike from every node', () => {
    const nodes = Array.from({ length: 40 }, (_, n) => ({ place: placeOfPeer(Buffer.from(`peer ${n}`)) }));
    const distance = (a: string, b: string) => Array.from({ length: 32 }, (_, i) => a.charCodeAt(i) ^ b.charCodeAt(i));
    for (let n = 0; n < 200; n += 1) {
      const target = placeOfPeer(Buffer.from(`key ${n}`));
      const sorted = [...nodes].sort((a, b) =>
        Buffer.compare(Buffer.from(distance(target, a.place)), Buffer.from(distance(target, b.place))),
      );
      expect(nearest(nodes, target, 3)).toEqual(sorted.slice(0, 3));
      expect(nearest([...nodes].reverse(), target, 3)).toEqual(sorted.slice(0, 3));
    }
  });
});

describe('the options of dht()', () => {
  const psk = 'a secret of sixteen';
  it.each([
    ['network', { network: '', psk }],
    ['psk', { network: 'n', psk: 'short' }],
    ['psk', { network: 'n', psk: undefined as never }],
    ['bootstrap', { network: 'n', psk, bootstrap: ['10.0.0.1:4001'] }],
    ['listen', { network: 'n', psk, listen: '127.0.0.1' }],
    ['replication', { network: 'n', psk, replication: 0 }],
    ['maxBytes', { network: 'n', psk, maxBytes: 10 }],
    ['maxTtl', { network: 'n', psk, maxTtl: '5 parsecs' }],
  ])('object to a wrong %s, by its name', (field, options) => {
    expect(() => resolveDhtOptions(options)).toThrow(new RegExp(`\`${field}\``));
  });

  it('never show the secret', () => {
    expect(() => resolveDhtOptions({ network: 'n', psk: 'too short' })).toThrow(/one of 9/);
  });

  it('put one colon behind the prefix', () => {
    expect(resolveDhtOptions({ network: 'n', psk }).prefix).toBe('cache:');
    expect(resolveDhtOptions({ network: 'n', psk, prefix: 'mine' }).prefix).toBe('mine:');
  });
});
