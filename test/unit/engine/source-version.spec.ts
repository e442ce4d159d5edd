import { outdated, versionTag } from '../../../libs/cache/src/core/coherence/source-version.js';

describe('a source version', () => {
  it('sorts as text as it does as a number', () => {
    const versions = [0, 1, 9, 10, 255, 256, 2 ** 31, Number.MAX_SAFE_INTEGER, 2n ** 53n, 2n ** 64n - 1n];
    const tags = versions.map(versionTag);
    expect([...tags].sort()).toEqual(tags);
    expect(new Set(tags.map((tag) => tag.length))).toEqual(new Set([25]));
    expect(versionTag(7)).toBe(versionTag(7n));
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53, 2n ** 64n, -1n, '7', null, new Date()])('is not %p', (version) => {
    expect(() => versionTag(version)).toThrow(expect.objectContaining({ code: 'LARDER_OPTION_INVALID' }));
  });

  it('is compared where both have one', () => {
    const [older, newer] = [[versionTag(1), 'a'], [versionTag(2)]];
    expect(outdated(older, newer)).toBe(true);
    expect(outdated(newer, older)).toBe(false);
    expect(outdated(older, older)).toBe(false);
    expect(outdated(['a'], newer)).toBe(false);
    expect(outdated(older, ['a'])).toBe(false);
    expect(outdated(older, undefined)).toBe(false);
  });
});
