import { replaceOldest } from '../../../libs/cache/src/core/bounds/replace-oldest.js';

describe('a map of bounded size', () => {
  it('lets its oldest tenth go when it is full', () => {
    const map = new Map<number, string>();
    for (let key = 0; key < 20; key += 1) replaceOldest(map, key, 'kept', 20);
    expect(map.size).toBe(20);
    replaceOldest(map, 20, 'kept', 20);
    expect([...map.keys()]).toEqual([...Array.from({ length: 18 }, (_, index) => index + 2), 20]);
  });

  it('makes what is set again the youngest, and lets nothing go for it', () => {
    const map = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    replaceOldest(map, 'a', 3, 2);
    expect([...map]).toEqual([
      ['b', 2],
      ['a', 3],
    ]);
  });

  it('never holds more than its limit', () => {
    const map = new Map<number, number>();
    for (let key = 0; key < 10_000; key += 1) {
      replaceOldest(map, key, key, 1000);
      expect(map.size).toBeLessThanOrEqual(1000);
    }
    expect(map.has(9_999)).toBe(true);
  });
});
