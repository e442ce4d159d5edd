import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { escapeSegment, joinSegments } from '../../../libs/cache/src/core/keys/segment.js';
import { isWellFormed } from '../../../libs/cache/src/core/keys/well-formed.js';

const vectors = JSON.parse(readFileSync(new URL('../../fixtures/vectors.json', import.meta.url), 'utf8')) as {
  key_builder_escaping: { cases: { segments: string[]; built: string }[] };
};

describe('segments of a key', () => {
  it.each(vectors.key_builder_escaping.cases)('builds $built from $segments', ({ segments, built }) => {
    expect(joinSegments(segments)).toBe(built);
  });

  it('escapes nothing but % and :', () => {
    const text = 'Aé漢😀 *?[]{}\\/|"\'\n\t\u0000#&=+,;@!~^`.-_()<>$';
    expect(escapeSegment(text)).toBe(text);
    expect(escapeSegment('a:b%c:%')).toBe('a%3Ab%25c%3A%25');
  });

  it('never joins two lists of segments to one key', () => {
    const segments = fc.array(fc.string({ unit: fc.constantFrom('a', ':', '%', '3', 'A', '2', '5') }), {
      minLength: 1,
      maxLength: 4,
    });
    const seen = new Map<string, string[]>();
    fc.assert(
      fc.property(segments, (list) => {
        const key = joinSegments(list);
        expect(seen.get(key) ?? list).toEqual(list);
        seen.set(key, list);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('well-formed text', () => {
  it('is text without half a surrogate pair', () => {
    for (const text of ['', 'a', '😀', 'a😀b', '\ud83d\ude00']) expect(isWellFormed(text)).toBe(true);
    for (const text of ['\ud83d', '\ude00', 'a\ud83db', '\ude00\ud83d', '😀\ud83d'])
      expect(isWellFormed(text)).toBe(false);
  });
});
