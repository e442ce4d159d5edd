import { PatternCache } from '../../../libs/cache/src/core/keys/pattern-cache.js';

describe('compiled patterns', () => {
  it('are compiled once', () => {
    const cache = new PatternCache();
    const pattern = cache.get('^user:\\d+$');
    for (let i = 0; i < 10; i++) expect(cache.get('^user:\\d+$')).toBe(pattern);
    expect(cache.size).toBe(1);
  });

  it('are dropped from the least recently used on', () => {
    const cache = new PatternCache(2);
    const a = cache.get('a*');
    const b = cache.get('b*');
    expect(cache.get('a*')).toBe(a);
    cache.get('c*');
    expect(cache.size).toBe(2);
    expect(cache.get('a*')).toBe(a);
    expect(cache.get('b*')).not.toBe(b);
  });

  it('never number more than 256 by default', () => {
    const cache = new PatternCache();
    for (let i = 0; i < 2_000; i++) cache.get(`user:${i}:*`);
    expect(cache.size).toBe(256);
  });

  it('do not count where they are invalid', () => {
    const cache = new PatternCache();
    for (let i = 0; i < 3; i++)
      expect(() => cache.get('/(/')).toThrow(expect.objectContaining({ code: 'LARDER_PATTERN_INVALID' }));
    expect(cache.size).toBe(0);
  });
});
