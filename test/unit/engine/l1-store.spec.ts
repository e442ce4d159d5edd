import { L1Entry, type L1EntryFields } from '../../../libs/cache/src/core/engine/l1-entry.js';
import { L1Store } from '../../../libs/cache/src/core/engine/l1-store.js';

const ROOMY = { maxEntries: 10_000, maxBytes: 2 ** 30 };

function entry(key: string, fields: Partial<L1EntryFields> = {}): L1Entry {
  const defaults = { value: key, shared: true, bytes: 100, freshUntil: 1000, keepUntil: 2000, madeAt: 0, tags: [] };
  return new L1Entry({ key, ...defaults, ...fields });
}

function fill(store: L1Store, count: number, fields: (i: number) => Partial<L1EntryFields> = () => ({})): L1Entry[] {
  const entries = Array.from({ length: count }, (_, i) => entry(`k${i}`, fields(i)));
  for (const each of entries) store.set(each);
  return entries;
}

describe('L1Store', () => {
  it('gives back what was set, whatever its age, and replaces under the same key', () => {
    const store = new L1Store(ROOMY);
    const first = entry('a', { freshUntil: 0, keepUntil: 0 });
    const second = entry('a', { bytes: 300 });
    expect(store.get('a')).toBeUndefined();
    expect(store.set(first)).toBe(true);
    expect(store.get('a')).toBe(first);
    expect(store.set(second)).toBe(true);
    expect(store.get('a')).toBe(second);
    expect(store.size).toBe(1);
    expect(store.bytes).toBe(second.bytes);
    expect(store.removed.replaced).toBe(1);
    expect([first.live, second.live]).toEqual([false, true]);
  });

  it('deletes by key and by entry, and leaves the successor of an entry alone', () => {
    const store = new L1Store(ROOMY);
    const first = entry('a');
    const second = entry('a');
    store.set(first);
    store.set(second);
    expect(store.deleteEntry(first, 'invalidated')).toBe(false);
    expect(store.get('a')).toBe(second);
    expect(store.delete('a', 'invalidated')).toBe(true);
    expect(store.delete('a', 'invalidated')).toBe(false);
    expect([store.size, store.bytes, store.removed.invalidated]).toEqual([0, 0, 1]);
  });

  describe('bounds', () => {
    it('never holds more entries than allowed', () => {
      const store = new L1Store({ ...ROOMY, maxEntries: 10 });
      for (let i = 0; i < 100; i++) {
        store.set(entry(`k${i}`));
        expect(store.size).toBeLessThanOrEqual(10);
      }
      expect(store.removed.evicted).toBe(90);
    });

    it('never accounts for more bytes than allowed, with entries of any size', () => {
      const store = new L1Store({ ...ROOMY, maxBytes: 20_000 });
      for (let i = 0; i < 500; i++) {
        store.set(entry(`k${i}`, { bytes: (i * 7919) % 4000 }));
        expect(store.bytes).toBeLessThanOrEqual(20_000);
      }
      expect(store.size).toBeGreaterThan(3);
    });

    it('refuses an entry above a quarter of the memory, and drops what its key had', () => {
      const store = new L1Store({ ...ROOMY, maxBytes: 20_000 });
      fill(store, 5);
      expect(store.set(entry('k0', { bytes: 6000 }))).toBe(false);
      expect(store.get('k0')).toBeUndefined();
      expect(store.size).toBe(4);
    });

    it('works with room for a single entry', () => {
      const store = new L1Store({ ...ROOMY, maxEntries: 1 });
      for (const key of ['a', 'b', 'c']) {
        store.set(entry(key));
        store.get(key)!.visited = true;
      }
      expect(['a', 'b', 'c'].map((key) => store.get(key) !== undefined)).toEqual([false, false, true]);
    });

    it('spares what was hit from a scan', () => {
      const store = new L1Store({ ...ROOMY, maxEntries: 10 });
      const hot = fill(store, 5);
      for (let i = 0; i < 1000; i++) {
        for (const each of hot) each.visited = true;
        store.set(entry(`scan${i}`));
      }
      expect(hot.map((each) => each.live)).toEqual([true, true, true, true, true]);
    });

    it('evicts dead entries before valid ones', () => {
      const store = new L1Store({ ...ROOMY, maxEntries: 100 });
      const entries = fill(store, 100, (i) => ({ tags: i < 50 ? ['dead'] : [] }));
      store.deleteTag('dead', 'invalidated');
      for (let i = 0; i < 50; i++) store.set(entry(`new${i}`));
      expect(store.removed.evicted).toBe(0);
      expect(entries.slice(50).every((each) => each.live)).toBe(true);
    });

    it('evicts dead entries before valid ones where one set needs much room', () => {
      const entryBytes = entry('k00', { tags: ['dead'] }).bytes;
      const store = new L1Store({ ...ROOMY, maxBytes: 100 * entryBytes });
      const entries = fill(store, 80, (i) => ({ tags: i < 40 ? ['good'] : ['dead'] }));
      store.deleteTag('dead', 'invalidated');
      store.set(entry('large', { bytes: 24 * entryBytes }));
      store.set(entry('larger', { bytes: 24 * entryBytes }));
      expect(store.removed.evicted).toBe(0);
      expect(entries.slice(0, 40).every((each) => each.live)).toBe(true);
    });
  });

  describe('tags', () => {
    it.each([3, 500])('kills the %d entries of a tag and no other', (count) => {
      const store = new L1Store(ROOMY);
      const tagged = fill(store, count, () => ({ tags: ['user:1', '%scope:user'] }));
      const other = entry('other', { tags: ['user:2', '%scope:user'] });
      store.set(other);
      expect(store.countOfTag('user:1')).toBe(count);
      expect(store.deleteTag('user:1', 'invalidated')).toBe(count);
      expect(tagged.every((each) => store.isStale(each))).toBe(true);
      expect(store.isStale(other)).toBe(false);
      expect(store.countOfTag('user:1')).toBe(0);
      expect(store.entriesOfTag('%scope:user')).toEqual([other]);
      expect(store.deleteTag('user:1', 'invalidated')).toBe(0);
    });

    it.each([3, 500])('starts a new life of the tag after killing %d entries', (count) => {
      const store = new L1Store(ROOMY);
      fill(store, count, () => ({ tags: ['t'] }));
      store.deleteTag('t', 'invalidated');
      const later = entry('later', { tags: ['t'] });
      store.set(later);
      expect(store.isStale(later)).toBe(false);
      expect(store.entriesOfTag('t')).toEqual([later]);
      expect(store.deleteTag('t', 'invalidated')).toBe(1);
      expect(store.isStale(later)).toBe(true);
    });

    it('takes the same time for a large tag as for a small one: it touches no entry', () => {
      const store = new L1Store(ROOMY);
      const entries = fill(store, 1000, () => ({ tags: ['t'] }));
      store.deleteTag('t', 'invalidated');
      expect(entries.every((each) => each.live)).toBe(true);
      expect(store.size).toBe(1000);
    });

    it('reclaims the dead by sweeping, a budget at a time', () => {
      const store = new L1Store(ROOMY);
      fill(store, 1000, (i) => ({ tags: i % 2 === 0 ? ['t'] : [] }));
      store.deleteTag('t', 'invalidated');
      expect(store.sweep(100, 0)).toEqual({ removed: 100, done: false });
      expect(store.size).toBe(900);
      let calls = 1;
      while (!store.sweep(100, 0).done) calls += 1;
      expect(calls).toBeLessThan(12);
      expect([store.size, store.removed.invalidated]).toEqual([500, 500]);
    });

    it('reclaims the dead by and by even if nobody sweeps', () => {
      const store = new L1Store(ROOMY);
      fill(store, 1000, () => ({ tags: ['t'] }));
      store.deleteTag('t', 'invalidated');
      for (let i = 0; i < 1000; i++) store.set(entry(`new${i}`));
      expect([store.size, store.removed.invalidated]).toEqual([1000, 1000]);
    });

    it('takes a tag given twice as given once', () => {
      const store = new L1Store(ROOMY);
      const entries = fill(store, 3, () => ({ tags: ['t', 'u', 't'] }));
      store.delete('k0', 'invalidated');
      expect(store.entriesOfTag('t')).toEqual([entries[2], entries[1]]);
      expect(store.deleteTag('t', 'invalidated')).toBe(2);
      expect([store.size, store.tagCount]).toEqual([0, 0]);
    });

    it('keeps no handle of a tag that no entry carries', () => {
      const store = new L1Store({ ...ROOMY, maxEntries: 50 });
      for (let i = 0; i < 5000; i++) store.set(entry(`k${i}`, { tags: [`unique:${i}`] }));
      expect(store.tagCount).toBe(50);
      store.clear('cleared');
      expect(store.tagCount).toBe(0);
    });
  });

  describe('clear', () => {
    it('drops everything at once', () => {
      const store = new L1Store(ROOMY);
      const entries = fill(store, 100, () => ({ tags: ['t'] }));
      expect(store.clear('cleared')).toBe(100);
      expect([store.size, store.bytes, store.tagCount, store.removed.cleared]).toEqual([0, 0, 0, 100]);
      expect(entries.every((each) => !each.live && store.isStale(each))).toBe(true);
      expect(entries.some((each) => store.deleteEntry(each, 'invalidated'))).toBe(false);
      expect(store.countOfTag('t')).toBe(0);
    });

    it('serves what is set afterwards, under the same keys and tags', () => {
      const store = new L1Store(ROOMY);
      fill(store, 100, () => ({ tags: ['t'] }));
      store.clear('cleared');
      const later = fill(store, 100, () => ({ tags: ['t'] }));
      while (!store.sweep(10, 0).done);
      expect(later.every((each) => each.live && !store.isStale(each))).toBe(true);
      expect(store.countOfTag('t')).toBe(100);
    });
  });

  describe('aliases', () => {
    const aliased = (alias: Map<unknown, L1Entry>, i: number): L1Entry => {
      const made = entry(`k${i}`, { tags: ['t'], keepUntil: i });
      made.alias = alias;
      made.aliasKey = i;
      alias.set(i, made);
      return made;
    };

    const ways: Record<string, (store: L1Store) => void> = {
      deletion: (store) => void store.delete('k1', 'invalidated'),
      replacement: (store) => void store.set(entry('k1')),
      eviction: (store) => void fill(store, 4, (i) => ({ key: `new${i}` })),
      expiry: (store) => void store.sweep(100, 1),
      'a tag': (store) => void store.deleteTag('t', 'invalidated'),
      clearing: (store) => {
        store.clear('cleared');
        store.sweep(100, 0);
      },
    };

    it.each(Object.entries(ways))('are forgotten by %s', (_, remove) => {
      const store = new L1Store({ ...ROOMY, maxEntries: 4 });
      const alias = new Map<unknown, L1Entry>();
      store.set(aliased(alias, 1));
      remove(store);
      expect(alias.size).toBe(0);
    });

    it('keep a newer entry that has taken the place', () => {
      const store = new L1Store(ROOMY);
      const alias = new Map<unknown, L1Entry>();
      store.set(aliased(alias, 1));
      const newer = aliased(alias, 1);
      store.set(newer);
      expect(alias.get(1)).toBe(newer);
    });
  });

  describe('sweep', () => {
    it('gives the memory of unique keys back once their life is over', () => {
      const store = new L1Store({ maxEntries: 1_000_000, maxBytes: 2 ** 30 });
      fill(store, 50_000, () => ({ keepUntil: 1000, tags: ['%scope:s'] }));
      fill(store, 10, () => ({ keepUntil: 5000 }));
      expect(store.sweep(2000, 999).removed).toBe(0);
      let slices = 0;
      while (!store.sweep(2000, 1000).done) slices += 1;
      while (!store.sweep(2000, 1000).done) slices += 1;
      expect([store.size, store.tagCount]).toEqual([10, 0]);
      expect(slices).toBeLessThan(60);
    });

    it('goes on where it stopped although entries leave and come in between', () => {
      const store = new L1Store(ROOMY);
      const entries = fill(store, 100, (i) => ({ keepUntil: i % 10 === 0 ? 5000 : 10 }));
      store.sweep(30, 10);
      for (const each of entries.slice(25, 45)) store.deleteEntry(each, 'invalidated');
      store.set(entry('late', { keepUntil: 5000 }));
      for (let i = 0; i < 20 && !store.sweep(10, 10).done; i++);
      const left = entries.filter((each) => each.live).map((each) => each.key);
      expect(left).toEqual(['k0', 'k10', 'k20', 'k50', 'k60', 'k70', 'k80', 'k90']);
    });
  });

  describe('matching', () => {
    it('finds every entry that was there at the start and still is, whatever comes and goes meanwhile', () => {
      const store = new L1Store(ROOMY);
      const entries = fill(store, 1000);
      const cursor = store.matching((key) => key.endsWith('7'));
      const found: L1Entry[] = [];
      let turn = 0;
      while (!cursor.done) {
        found.push(...cursor.next(37));
        store.delete(`k${900 + turn}`, 'invalidated');
        for (let i = 0; i < 100; i++) store.set(entry(`new${turn}-${i}`));
        turn += 1;
      }
      const expected = entries.filter((each) => each.key.endsWith('7') && each.live);
      expect(found.filter((each) => each.live && each.key.startsWith('k'))).toEqual(expected);
      expect(turn).toBeLessThan(40);
    });

    it('returns nothing that was cleared', () => {
      const store = new L1Store(ROOMY);
      fill(store, 10);
      const cursor = store.matching(() => true);
      store.clear('cleared');
      fill(store, 3);
      expect(cursor.next(100)).toEqual([]);
      expect(cursor.done).toBe(true);
    });
  });
});
