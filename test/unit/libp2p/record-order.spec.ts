import fc from 'fast-check';
import { RecordCodec, type DhtRecord } from '../../../libs/cache/src/adapters/libp2p/dht-record.js';
import { NetworkClock, stampOf } from '../../../libs/cache/src/adapters/libp2p/network-clock.js';
import { NetworkKeys } from '../../../libs/cache/src/adapters/libp2p/network-keys.js';
import { Predicates } from '../../../libs/cache/src/adapters/libp2p/predicates.js';
import { RecordStore } from '../../../libs/cache/src/adapters/libp2p/record-store.js';
import { logIdAt } from '../../../libs/cache/src/core/coherence/position.js';
import { targetMatcher } from '../../../libs/cache/src/core/invalidation/target-matcher.js';
import { PatternCache } from '../../../libs/cache/src/core/keys/pattern-cache.js';
import { versionTag } from '../../../libs/cache/src/core/coherence/source-version.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

const SECRET = 'a secret of sixteen';
const codec = new RecordCodec(new NetworkKeys('net', 'app', SECRET), 'cache:');
const WRITERS = ['0'.repeat(16), 'a'.repeat(16), 'f'.repeat(16)];
const LONG = 1e15;

function recordOf(parts: Partial<Omit<DhtRecord, 'place' | 'sealed'>> & { readonly text?: string }): DhtRecord {
  const { text = '', ...rest } = parts;
  const stamp = stampOf(logIdAt(1), WRITERS[0]!);
  const payload = new TextEncoder().encode(text);
  return codec.encode({
    key: 'k',
    stamp,
    tombstone: false,
    freshUntil: LONG,
    expiresAt: LONG,
    tags: [],
    payload,
    ...rest,
  });
}

function storeOf(maxBytes = 1e9, now = () => 0, predicates: Predicates | null = null): RecordStore {
  return new RecordStore(maxBytes, now, (record) => predicates?.hits(record) === true);
}

function predicatesOf(maxNames?: number, maxPatterns?: number): Predicates {
  return new Predicates(targetMatcher(new PatternCache()), maxNames, maxPatterns);
}

const nothing = { id: 'i', keys: [], tags: [], patterns: [], flush: false, reason: '', origin: '' };

describe('the last write', () => {
  it('wins in whatever order the copies arrive, ties by the writer, deletions included', () => {
    const write = fc.record({
      at: fc.integer({ min: 1, max: 5 }),
      writer: fc.constantFrom(...WRITERS),
      tombstone: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 8 }), fc.infiniteStream(fc.nat()), (writes, random) => {
        const distinct = new Map(
          writes.map((each) => {
            const stamp = stampOf(logIdAt(each.at), each.writer);
            return [stamp, recordOf({ stamp, tombstone: each.tombstone, text: stamp })];
          }),
        );
        const records = [...distinct.values()];
        const newest = [...distinct.keys()].sort().at(-1);
        for (let order = 0; order < 4; order += 1) {
          const store = storeOf();
          const shuffled = records.map((record) => ({ record, by: random.next().value! })).sort((a, b) => a.by - b.by);
          for (const { record } of shuffled) store.put(record);
          expect(store.get(records[0]!.place)?.stamp).toBe(newest);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is of the newest version where the source has versions', () => {
    const store = storeOf();
    const at = (ms: number) => stampOf(logIdAt(ms), WRITERS[0]!);
    const nine = recordOf({ stamp: at(1), tags: [versionTag(9)] });
    expect(store.put(nine)).toBe('stored');
    expect(store.put(recordOf({ stamp: at(2), tags: [versionTag(8)] }))).toBe('older');
    expect(store.get(nine.place)?.tags).toEqual([versionTag(9)]);
  });

  it('does not come back over its tombstone, nor over an invalidation that is known', () => {
    const predicates = predicatesOf();
    const store = storeOf(1e9, () => 0, predicates);
    const old = recordOf({ stamp: stampOf(logIdAt(1), WRITERS[0]!), tags: ['t'] });
    store.put(old);
    store.put(recordOf({ stamp: stampOf(logIdAt(2), WRITERS[0]!), tombstone: true }));
    expect(store.put(old)).toBe('older');
    const other = recordOf({ key: 'other', stamp: stampOf(logIdAt(1), WRITERS[0]!), tags: ['t'] });
    store.put(other);
    predicates.add({ ...nothing, tags: ['t'] }, logIdAt(1));
    expect(store.get(other.place)).toBeNull();
    expect(store.put(other)).toBe('older');
  });
});

describe('the bound of a node', () => {
  it('is kept with 100,000 values, and what was read stays longer', () => {
    const store = storeOf(4_000_000);
    const favourite = recordOf({ key: 'favourite', text: 'x' });
    store.put(favourite);
    for (let n = 0; n < 100_000; n += 1) {
      store.put(recordOf({ key: `k${n}`, text: 'x'.repeat(64) }));
      if (n % 1000 === 0) expect(store.get(favourite.place)).not.toBeNull();
    }
    expect(store.bytes).toBeLessThanOrEqual(4_000_000);
    expect(store.size).toBeGreaterThan(1000);
    expect(store.evicted).toBe(100_001 - store.size);
  });

  it('lets a tombstone go at last, and then takes nothing that is older', () => {
    const store = storeOf(1000);
    const at = (ms: number) => stampOf(logIdAt(ms), WRITERS[0]!);
    const value = recordOf({ stamp: at(1) });
    store.put(recordOf({ stamp: at(5), tombstone: true }));
    store.put(recordOf({ key: 'b', stamp: at(6), tombstone: true }));
    store.put(recordOf({ key: 'c', stamp: at(7), tombstone: true }));
    expect(store.bytes).toBeLessThanOrEqual(1000);
    expect(store.put(value)).toBe('older');
  });

  it('gives back what expired, in slices', () => {
    let now = 0;
    const store = storeOf(1e9, () => now);
    for (let n = 0; n < 100; n += 1) store.put(recordOf({ key: `k${n}`, expiresAt: 100 }));
    now = 100;
    for (let n = 0; n < 4; n += 1) store.sweep(50);
    expect([store.size, store.bytes]).toEqual([0, 0]);
  });
});

describe('a record', () => {
  it('lies under prefix and key with one colon between', () => {
    expect(codec.recordKey('user:get:1')).toBe('cache:user:get:1');
  });

  it('is read as it was written, by its own network alone', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 50 });
    fc.assert(
      fc.property(text, fc.array(text, { maxLength: 5 }), fc.uint8Array({ maxLength: 100 }), (key, tags, payload) => {
        const stamp = stampOf(logIdAt(7, 3), WRITERS[1]!);
        const parts = { key, tags, stamp, tombstone: false, freshUntil: 1.5, expiresAt: 2.5 };
        const record = codec.encode({ ...parts, payload });
        const read = codec.decode(record.sealed)!;
        expect({ ...read, payload: [...read.payload] }).toMatchObject({ ...parts, payload: [...payload] });
        for (const [network, namespace, secret] of [
          ['other', 'app', SECRET],
          ['net', 'other', SECRET],
          ['net', 'app', 'another secret of them'],
        ] as const) {
          const stranger = new RecordCodec(new NetworkKeys(network, namespace, secret), 'cache:');
          expect(stranger.decode(record.sealed)).toBeNull();
        }
      }),
    );
  });
});

describe('the clock of a network', () => {
  const clockAt = (skewMs: number) => {
    const clock = new ManualClock(Date.UTC(2026, 0, 1) + skewMs);
    return { clock, time: new NetworkClock(clock, 60_000) };
  };

  it('never goes back, and is past whatever it has heard of', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -60_000, max: 60_000 }), { maxLength: 20 }), (skews) => {
        const { time } = clockAt(0);
        let last = time.tick();
        for (const skew of skews) {
          const heard = clockAt(skew).time.tick();
          expect(time.observe(heard)).toBe(true);
          const next = time.tick();
          expect(next > last && next > heard).toBe(true);
          last = next;
        }
      }),
    );
  });

  it('runs on with the fastest clock among those 60 s off either way', () => {
    const [slow, fast] = [clockAt(-60_000), clockAt(60_000)];
    expect(slow.time.observe(fast.time.tick())).toBe(true);
    slow.clock.advance(1000);
    fast.clock.advance(1000);
    expect(Math.abs(slow.time.now() - fast.time.now())).toBeLessThanOrEqual(1);
  });

  it('does not believe a clock that is further off', () => {
    const { time } = clockAt(0);
    const before = time.now();
    expect(time.observe(clockAt(121_000).time.tick())).toBe(false);
    expect(time.now()).toBe(before);
  });
});

describe('what was invalidated', () => {
  const entry = { key: 'user:get:1', tags: ['t'], stamp: stampOf(logIdAt(5), WRITERS[1]!) };

  it.each([
    ['key', { keys: ['user:get:1'] }],
    ['tag', { tags: ['t'] }],
    ['pattern', { patterns: [{ pattern: 'get:*', scope: 'user' }] }],
    ['flush', { flush: true }],
  ])('by %s hits what is not younger, and nothing else', (_, targets) => {
    for (const [at, hit] of [
      [4, false],
      [5, true],
      [6, true],
    ] as const) {
      const predicates = predicatesOf();
      predicates.add({ ...nothing, ...targets }, logIdAt(at));
      expect(predicates.hits(entry)).toBe(hit);
      const stranger = { ...entry, key: 'user:list:1', tags: ['u'] };
      expect(predicates.hits(stranger)).toBe(hit && 'flush' in targets);
    }
  });

  it('is the same in whatever order it is learned, and from a snapshot', () => {
    const target = fc.record({ kind: fc.constantFrom('key', 'tag', 'all'), at: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(fc.array(target, { maxLength: 8 }), (targets) => {
        const [forwards, backwards, fromSnapshot] = [predicatesOf(), predicatesOf(), predicatesOf()];
        const add = (to: Predicates, { kind, at }: (typeof targets)[number]) =>
          to.add(
            {
              ...nothing,
              keys: kind === 'key' ? [entry.key] : [],
              tags: kind === 'tag' ? ['t'] : [],
              flush: kind === 'all',
            },
            logIdAt(at),
          );
        for (const each of targets) add(forwards, each);
        for (const each of [...targets].reverse()) add(backwards, each);
        for (const row of forwards.rows()) fromSnapshot.learn(row);
        const latest = Math.max(0, ...targets.map(({ at }) => at));
        for (let at = 1; at <= 10; at += 1) {
          const aged = { ...entry, stamp: stampOf(logIdAt(at), WRITERS[0]!) };
          for (const each of [forwards, backwards, fromSnapshot]) expect(each.hits(aged)).toBe(at <= latest);
        }
      }),
    );
  });

  it('is bounded: beyond it everything older is invalid, never valid', () => {
    const predicates = predicatesOf(10, 10);
    for (let n = 0; n < 1000; n += 1) {
      predicates.add({ ...nothing, keys: [`k${n}`] }, logIdAt(n + 1));
      predicates.add({ ...nothing, patterns: [{ pattern: `p${n}*`, scope: null }] }, logIdAt(n + 1));
    }
    expect(predicates.size).toBeLessThan(30);
    expect(predicates.hits({ key: 'k3', tags: [], stamp: stampOf(logIdAt(2), WRITERS[0]!) })).toBe(true);
    expect(predicates.hits({ key: 'fresh', tags: [], stamp: stampOf(logIdAt(2000), WRITERS[0]!) })).toBe(false);
  });

  it('is forgotten when no entry can be as old', () => {
    const predicates = predicatesOf();
    predicates.add({ ...nothing, keys: ['a'], tags: ['b'], patterns: [{ pattern: '*', scope: null }] }, logIdAt(5));
    predicates.add({ ...nothing, keys: ['c'] }, logIdAt(50));
    predicates.forget(logIdAt(10));
    expect(predicates.size).toBe(1);
  });
});
