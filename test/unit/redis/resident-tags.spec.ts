import fc from 'fast-check';
import { ResidentTags } from '../../../libs/cache/src/adapters/redis/resident-tags.js';
import { logIdAt, ordOf, positionOf } from '../../../libs/cache/src/core/coherence/position.js';

const ERA = '00000001aaaaaaaaaaaaaaaa';
const ord = (ms: number): string => ordOf(ERA, logIdAt(ms));
const position = (ms: number): string => positionOf(ERA, logIdAt(ms));
const invalidation = (...tags: string[]) => {
  return { id: 'i', keys: [], tags, patterns: [], flush: false, reason: '', origin: '' };
};

describe('ResidentTags', () => {
  it('knows what became of a tag since it began to follow the log, and of nothing before', () => {
    const tags = new ResidentTags();
    tags.forget(position(10));
    tags.follow([invalidation('a'), invalidation('b')], position(20));
    expect(tags.untouched(ord(15), ['c'])).toBe(true);
    expect(tags.untouched(ord(15), ['c', 'b'])).toBe(false);
    expect(tags.untouched(ord(20), ['b'])).toBe(true);
    expect(tags.untouched(ord(9), ['c'])).toBe(false);
  });

  it('reaches back further where the server says that no tag was invalidated', () => {
    const tags = new ResidentTags();
    tags.forget(position(10));
    tags.quiet(ord(9), ord(5)); // of a moment before this began: something may have come between
    expect(tags.untouched(ord(6), [])).toBe(false);
    tags.quiet(ord(30), ord(20)); // something was, and it was not before this began
    expect(tags.untouched(ord(6), [])).toBe(false);
    tags.quiet(ord(10), ord(5));
    expect(tags.untouched(ord(6), [])).toBe(true);
    expect(tags.untouched(ord(4), [])).toBe(false);
  });

  it('starts anew when continuity was lost', () => {
    const tags = new ResidentTags();
    tags.forget(position(10));
    tags.follow([invalidation('a')], position(20));
    tags.forget(position(30));
    expect(tags.untouched(ord(15), ['b'])).toBe(false);
    expect(tags.untouched(ord(30), ['a'])).toBe(true);
    expect(tags.size).toBe(0);
  });

  it('never calls a tag untouched that was invalidated later, whatever it has forgotten (I19)', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 200 }), fc.nat({ max: 220 }), (names, stamp) => {
        const tags = new ResidentTags(4);
        tags.forget(position(0));
        const last = new Map<string, number>();
        names.forEach((name, index) => {
          tags.follow([invalidation(`t${name}`)], position(index + 1));
          last.set(`t${name}`, index + 1);
        });
        expect(tags.size).toBeLessThanOrEqual(8);
        for (let name = 0; name <= 30; name += 1) {
          const touched = (last.get(`t${name}`) ?? 0) > stamp;
          if (touched) expect(tags.untouched(ord(stamp), [`t${name}`])).toBe(false);
        }
        expect(tags.untouched(ord(names.length), ['t0', 't1'])).toBe(true);
      }),
    );
  });
});
