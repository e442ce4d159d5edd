import v8 from 'node:v8';
import vm from 'node:vm';
import { snapshot } from '../../../libs/cache/src/core/engine/isolation.js';
import { stringBytes } from '../../../libs/cache/src/core/engine/isolation-size.js';
import { L1Entry } from '../../../libs/cache/src/core/engine/l1-entry.js';
import { L1Store } from '../../../libs/cache/src/core/engine/l1-store.js';

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc') as () => void;

function usedMemory(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Text that V8 stores flat, as it stores what comes from a driver or a parser: no slice of another string. */
const text = (length: number, i: number): string => Buffer.alloc(length, String(i).padStart(8, '0')).toString('latin1');

const FAMILIES: Record<string, (i: number) => unknown> = {
  'a number': (i) => i + 0.5,
  'a short string': (i) => text(12, i),
  'a long string': (i) => text(4000, i),
  'text beyond Latin-1': (i) => `${text(9, i)}${'漢'.repeat(500)}`,
  'a small record': (i) => ({ id: i, name: text(20, i), active: true, score: i / 3 }),
  'a nested record': (i) => ({ id: i, owner: { name: text(20, i), tags: ['a', 'b'] }, rows: [{ n: i }, { n: i + 1 }] }),
  'twenty rows': (i) => Array.from({ length: 20 }, (_, n) => ({ id: i * 20 + n, name: text(16, i), price: n / 7 })),
  'a vector': (i) => Array.from({ length: 256 }, (_, n) => n / 7 + i),
  'a Date and a Map': (i) => ({
    at: new Date(i),
    counts: new Map(Array.from({ length: 20 }, (_, n) => [text(8, n), n])),
  }),
  'a Set': (i) => new Set(Array.from({ length: 50 }, (_, n) => n + i)),
  'a Buffer': (i) => Buffer.alloc(2000, i),
  'a bigint': (i) => 2n ** 200n + BigInt(i),
};

describe('the size that L1 accounts for', () => {
  it.each(Object.entries(FAMILIES))('is 0.8 to 1.6 times the heap that entries take which hold %s', (_, make) => {
    const store = new L1Store({ maxEntries: 1_000_000, maxBytes: 2 ** 34 });
    const count = 3000;
    const fill = (from: number): void => {
      for (let i = from; i < from + count; i++) {
        const copy = snapshot(make(i), 'freeze');
        const times = { freshUntil: i + 0.5, keepUntil: i + 0.5, createdAt: 1.7e12 + i };
        const entry = new L1Entry({ key: `scope:action:${i}`, ...copy, ...times, tags: ['%scope:s', `item:${i}`] });
        entry.promise = Promise.resolve(entry.value);
        store.set(entry);
      }
    };
    fill(0); // tables of the store are large by now, and code is compiled
    const [memory, account] = [usedMemory(), store.bytes];
    fill(count);
    const ratio = (store.bytes - account) / (usedMemory() - memory);
    expect(store.size).toBe(2 * count);
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeLessThan(1.6);
  });

  it('comes back after unique keys with a short life, round after round', () => {
    const store = new L1Store({ maxEntries: 1_000_000, maxBytes: 2 ** 34 });
    const round = (number: number): void => {
      for (let i = 0; i < 40_000; i++) {
        const copy = snapshot({ id: i }, 'freeze');
        const times = { freshUntil: number, keepUntil: number, createdAt: 0 };
        store.set(
          new L1Entry({ key: `k:${number}:${i}`, ...copy, ...times, tags: ['%scope:s', `item:${number}:${i}`] }),
        );
      }
      while (store.sweep(2000, number).removed > 0);
    };
    round(1);
    const before = usedMemory();
    for (let number = 2; number <= 5; number++) round(number);
    expect([store.size, store.bytes, store.tagCount]).toEqual([0, 0, 0]);
    expect(usedMemory() - before).toBeLessThan(4_000_000); // each round took some 30 MB
  });

  it('counts one byte per Latin-1 character and two beyond', () => {
    expect(stringBytes('')).toBe(16);
    expect(stringBytes('é'.repeat(800))).toBe(816);
    expect(stringBytes('é'.repeat(799) + '漢')).toBe(1616);
  });

  it('counts about the same with every isolation', () => {
    for (const make of Object.values(FAMILIES)) {
      const [freeze, clone, share] = (['freeze', 'clone', 'share'] as const).map(
        (mode) => snapshot(make(1), mode).bytes,
      );
      expect(clone!).toBeLessThanOrEqual(freeze!); // a frozen array of numbers holds them outside
      expect(share! / clone!).toBeGreaterThan(0.5);
      expect(share! / freeze!).toBeLessThan(1.5);
    }
  });

  it('stops counting a shared value that hangs on very much', () => {
    expect(snapshot(Object.assign([], { length: 2 ** 32 - 1 }), 'share').bytes).toBeGreaterThan(2 ** 34);
    const huge = Array.from({ length: 200_000 }, (_, i) => ({ i }));
    const { bytes } = snapshot(huge, 'share');
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(bytes).toBeLessThan(3_000_000);
  });
});
