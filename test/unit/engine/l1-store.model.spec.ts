import fc from 'fast-check';
import { L1Entry } from '../../../libs/cache/src/core/engine/l1-entry.js';
import { L1Store } from '../../../libs/cache/src/core/engine/l1-store.js';

const BOUNDS = { maxEntries: 60, maxBytes: 48_000 };
const TAGS = ['a', 'b', 'c'];
const RUNS = Number(process.env['LARDER_PROPERTY_RUNS'] ?? 2000);

type Step =
  | { do: 'set'; key: number; bytes: number; tags: string[]; keep: number }
  | { do: 'fill'; from: number; count: number; tags: string[] }
  | { do: 'hit' | 'delete'; key: number }
  | { do: 'deleteTag'; tag: string }
  | { do: 'sweep'; budget: number; pass: number }
  | { do: 'clear' };

const key = fc.nat(80);
const tags = fc.subarray(TAGS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('set' as const), key, bytes: fc.nat(14_000), tags, keep: fc.nat(100) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fill' as const), from: key, count: fc.nat(50), tags }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('hit' as const, 'delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('deleteTag' as const), tag: fc.constantFrom(...TAGS) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sweep' as const), budget: fc.nat(40), pass: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
);

/** The store beside the plainest thing that could be true: which entries are valid, by key. Eviction alone may differ. */
class Comparison {
  private readonly store = new L1Store(BOUNDS);
  private readonly valid = new Map<string, L1Entry>();
  private readonly alias = new Map<unknown, L1Entry>();
  private stored = 0;
  private now = 0;

  run(action: Step): void {
    const evictedBefore = this.store.removed.evicted;
    switch (action.do) {
      case 'set':
        this.set(action.key, action.bytes, action.tags, action.keep);
        break;
      case 'fill':
        for (let i = 0; i < action.count; i++) this.set(action.from + i, 10, action.tags, 100);
        break;
      case 'hit':
        this.hit(`k${action.key}`);
        break;
      case 'delete':
        this.store.delete(`k${action.key}`, 'invalidated');
        this.valid.delete(`k${action.key}`);
        break;
      case 'deleteTag':
        this.deleteTag(action.tag);
        break;
      case 'sweep':
        this.now += action.pass;
        this.store.sweep(action.budget, this.now);
        for (const [name, entry] of this.valid) if (!entry.live && entry.keepUntil <= this.now) this.valid.delete(name);
        break;
      case 'clear':
        this.store.clear('cleared');
        this.valid.clear();
        break;
    }
    this.compare(this.store.removed.evicted - evictedBefore);
  }

  /** After enough sweeping only what is valid is held, and every byte and alias of the rest is back. */
  settle(): void {
    for (let i = 0; i < 100; i++) this.store.sweep(50, this.now);
    for (const [name, entry] of this.valid) if (entry.keepUntil <= this.now) this.valid.delete(name);
    expect(this.store.size).toBe(this.valid.size);
    expect(this.store.bytes).toBe([...this.valid.values()].reduce((sum, entry) => sum + entry.bytes, 0));
    expect(this.alias.size).toBe(this.valid.size);
    for (const tag of TAGS) this.store.deleteTag(tag, 'invalidated');
    for (const name of this.valid.keys()) this.store.delete(name, 'invalidated');
    for (let i = 0; i < 10; i++) this.store.sweep(50, this.now);
    expect([this.store.size, this.store.bytes, this.store.tagCount, this.alias.size]).toEqual([0, 0, 0, 0]);
  }

  private set(id: number, bytes: number, entryTags: string[], keep: number): void {
    const fields = { value: id, shared: true, bytes, freshUntil: 0, madeAt: 0, tags: entryTags };
    const entry = new L1Entry({ key: `k${id}`, keepUntil: this.now + keep, ...fields });
    if (this.store.set(entry)) {
      this.stored += 1;
      this.valid.set(entry.key, entry);
      entry.alias = this.alias;
      entry.aliasKey = id;
      this.alias.set(id, entry);
    } else {
      expect(entry.bytes).toBeGreaterThan(BOUNDS.maxBytes / 4);
      this.valid.delete(entry.key);
    }
  }

  private hit(name: string): void {
    const entry = this.store.get(name);
    if (entry !== undefined && !this.store.isStale(entry)) entry.visited = true;
  }

  private deleteTag(tag: string): void {
    const killed = [...this.valid.values()].filter((entry) => entry.tags.includes(tag));
    for (const entry of killed) this.valid.delete(entry.key);
    const reported = this.store.deleteTag(tag, 'invalidated');
    expect(reported).toBeGreaterThanOrEqual(killed.length);
    if (reported <= 32) expect(reported).toBe(killed.length);
  }

  private compare(evicted: number): void {
    expect(this.store.size).toBeLessThanOrEqual(BOUNDS.maxEntries);
    expect(this.store.bytes).toBeLessThanOrEqual(BOUNDS.maxBytes);
    const served = new Set<L1Entry>();
    for (let id = 0; id <= 130; id++) {
      const entry = this.store.get(`k${id}`);
      if (entry === undefined || this.store.isStale(entry)) continue;
      expect(entry).toBe(this.valid.get(`k${id}`)); // no ghost
      served.add(entry);
    }
    const lost = [...this.valid.values()].filter((entry) => !served.has(entry));
    // Each valid entry that is gone was evicted. (One set twice within a fill may be evicted and replaced.)
    expect(lost.length).toBeLessThanOrEqual(evicted);
    for (const entry of lost) this.valid.delete(entry.key);
    for (const tag of TAGS) {
      expect(this.store.countOfTag(tag)).toBe([...served].filter((entry) => entry.tags.includes(tag)).length);
    }
    const { removed } = this.store;
    expect(Object.values(removed).reduce((sum, count) => sum + count, this.store.size)).toBe(this.stored);
  }
}

describe('L1Store beside a naive model', () => {
  it(`holds its bounds, loses nothing and serves nothing dead (${RUNS} runs)`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const comparison = new Comparison();
        for (const action of steps) comparison.run(action);
        comparison.settle();
      }),
      { numRuns: RUNS },
    );
  }, 120_000);
});
