import { LocalFence } from '../../../libs/cache/src/core/engine/local-fence.js';

describe('LocalFence', () => {
  let fence: LocalFence;
  beforeEach(() => {
    fence = new LocalFence();
  });

  it.each<[string, (fence: LocalFence) => unknown]>([
    ['its key', (each) => each.invalidateKey('k')],
    ['one of its tags', (each) => each.invalidateTag('t2')],
    ['a pattern over its key', (each) => each.invalidateMatching((key) => key === 'k')],
    ['everything', (each) => each.invalidateAll()],
  ])('refuses an entry when %s was invalidated after the mark', (_, invalidate) => {
    const before = fence.mark();
    invalidate(fence);
    expect(fence.untouched(before, 'k', ['t1', 't2'])).toBe(false);
    expect(fence.untouched(fence.mark(), 'k', ['t1', 't2'])).toBe(true);
  });

  it('lets an entry pass that depends on none of what was invalidated', () => {
    const before = fence.mark();
    fence.invalidateKey('other');
    fence.invalidateTag('other');
    fence.invalidateMatching((key) => key === 'other');
    expect(fence.untouched(before, 'k', ['t'])).toBe(true);
  });

  it('refuses what it can no longer judge, and remembers a bounded number of targets', () => {
    const before = fence.mark();
    for (let i = 0; i < 100_000; i += 1) fence.invalidateKey(`other-${i}`);
    for (let i = 0; i < 1000; i += 1) fence.invalidateMatching(() => false);
    expect(fence.size).toBeLessThanOrEqual(20_000 + 256);
    expect(fence.untouched(before, 'k', [])).toBe(false);
  });

  it('judges rightly at the very edge of what it has forgotten', () => {
    for (let i = 0; i < 20_000; i += 1) fence.invalidateKey(`other-${i}`);
    const edge = fence.mark();
    fence.invalidateKey('k'); // folds all before it into the floor
    expect(fence.size).toBe(1);
    expect(fence.untouched(edge, 'k', [])).toBe(false);
    expect(fence.untouched(edge, 'other-1', [])).toBe(true);
  });

  it('judges rightly at the edge of the forgotten patterns', () => {
    const marks = Array.from({ length: 300 }, (_, i) => {
      const mark = fence.mark();
      fence.invalidateMatching((key) => key === `k${i}`);
      return mark;
    });
    marks.forEach((mark, i) => expect(fence.untouched(mark, `k${i}`, [])).toBe(false));
    expect(fence.untouched(marks.at(-1)!, 'k0', [])).toBe(true);
  });
});
