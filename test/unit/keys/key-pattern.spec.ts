import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { compilePattern, type PatternMode } from '../../../libs/cache/src/core/keys/key-pattern.js';

interface PatternCase {
  pattern: string;
  mode?: PatternMode;
  match?: string[];
  expect_status?: number;
}
const vectors = JSON.parse(readFileSync(new URL('../../fixtures/vectors.json', import.meta.url), 'utf8')) as {
  pattern_matching: { keys: string[]; cases: PatternCase[] };
};
const { keys, cases } = vectors.pattern_matching;
const refused = (code: string) => expect.objectContaining({ name: 'CacheError', code });

describe('key patterns', () => {
  it.each(cases.filter((one) => one.match !== undefined))('match the vector $pattern', ({ pattern, mode, match }) => {
    const compiled = compilePattern(pattern);
    if (mode !== undefined) expect(compiled.mode).toBe(mode);
    expect(compiled.text).toBe(pattern);
    expect(keys.filter((key) => compiled.test(key))).toEqual(match);
  });

  it.each(cases.filter((one) => one.expect_status !== undefined))(
    'refuse the vector of 1,001 characters',
    ({ pattern }) => {
      expect(pattern.length).toBeGreaterThan(1000);
      expect(() => compilePattern(pattern)).toThrow(refused('LARDER_PATTERN_TOO_LONG'));
    },
  );

  it.each<[string, PatternMode, string, string[], string[]]>([
    ['getUser:*', 'prefix', 'getUser:', ['getUser:1', 'getUser:'], ['getUser', 'getUserProfile:1']],
    ['*:profile', 'suffix', '', ['user:1:profile', ':profile'], ['profile', 'x:profile:']],
    ['*draft*', 'contains', '', ['draft', 'a draft b'], ['dra ft']],
    ['**draft**', 'contains', '', ['draft'], ['dra']],
    [
      'user:*:profile',
      'wildcard',
      'user:',
      ['user:1:profile', 'user::profile', 'user:a\nb:profile'],
      ['user:profile', 'xuser:1:profile'],
    ],
    ['a*a', 'wildcard', 'a', ['aa', 'aba'], ['a']],
    ['ab*ba', 'wildcard', 'ab', ['abba'], ['aba']],
    ['*a*b', 'wildcard', '', ['ab', 'xaxb'], ['ba']],
    ['a*b*', 'wildcard', 'a', ['ab', 'axbx'], ['ba']],
    ['*', 'all', '', ['', 'x', 'a\nb'], []],
    ['***', 'all', '', ['', 'x'], []],
    ['user.1', 'exact', 'user.1', ['user.1'], ['user:1', 'userx1', 'user.12']],
    ['f:(a?b)[c]$', 'exact', 'f:(a?b)[c]$', ['f:(a?b)[c]$'], ['f:ab']],
    ['/path/of*', 'prefix', '/path/of', ['/path/of/x'], ['path/of']],
    ['/a/g', 'exact', '/a/g', ['/a/g'], ['a']],
    ['/user:\\d+/', 'regex', '', ['user:1', 'x:user:12:y'], ['user:a']],
    ['/USER:a/i', 'regex', '', ['user:A'], ['user']],
    ['/^user:\\d+$/', 'regex', 'user:', ['user:1'], ['user:1:x', 'xuser:1']],
    ['^user:\\d+', 'regex', 'user:', ['user:1', 'user:1:x'], ['xuser:1', 'user:a']],
    ['^user:.*$', 'regex', 'user:', ['user:', 'user:a\nb'], ['users']],
    ['^USER/i', 'regex', 'USER/i', ['USER/i'], ['user']],
  ])('read %p as %s', (text, mode, literalPrefix, matching, others) => {
    const pattern = compilePattern(text);
    expect(pattern).toMatchObject({ text, mode, literalPrefix });
    for (const key of matching) expect([key, pattern.test(key)]).toEqual([key, true]);
    for (const key of others) expect([key, pattern.test(key)]).toEqual([key, false]);
  });

  it.each([
    ['^a\\.b\\*c', 'a.b*c'],
    ['^ab+', 'ab'],
    ['^ab*', 'a'],
    ['^ab?', 'a'],
    ['^ab{0,1}', 'a'],
    ['^a😀*', 'a'],
    ['^a\\.?', 'a'],
    ['^a|b', ''],
    ['^a(b|c)', ''],
    ['^\\d', ''],
    ['^a\\Q*\\E', 'a'],
    ['^(?i)user', ''],
    ['/^user/i', ''],
    ['/user/', ''],
  ])('know what every match of %s begins with', (text, literalPrefix) => {
    expect(compilePattern(text).literalPrefix).toBe(literalPrefix);
  });

  it.each<[unknown, RegExp]>([
    ['', /non-empty string, got "" \(string\)\. Write e\.g\. `get_user:\*`/],
    [undefined, /got `undefined`/],
    [['a'], /got an array of 1/],
    ['a\ud800*', /half of a surrogate pair/],
    ['//', /got `\/\/`: it is empty\. Write `\*`/],
    ['/(/', /missing closing \): `\(`\. Patterns use RE2 syntax/],
    ['/*/', /missing argument to repetition operator: `\*`/],
    ['^a(?=b)', /unsupported Perl syntax: `\(\?=`.*no look-around/],
    ['^(?<!a)b', /no look-around/],
    ['^(a)\\1', /invalid escape sequence: `\\1`.*no back-references/],
    ['^a{1001}', /invalid repeat count: `\{1001\}`.*at most 1000 repetitions/],
    ['^((a{100}){100}){100}', /invalid repeat count/],
    ['^a{1000}b{1000}', /unrolls to \d+ steps, more than 2000\. Use smaller repetition counts/],
    [`/${'\\pL{1000}'.repeat(100)}/`, /unrolls to \d+ steps/],
  ])('refuse %p and say why', (text, message) => {
    expect(() => compilePattern(text as string)).toThrow(refused('LARDER_PATTERN_INVALID'));
    expect(() => compilePattern(text as string)).toThrow(message);
  });

  it('take 1,000 characters and no more', () => {
    expect(compilePattern('x'.repeat(1000)).mode).toBe('exact');
    expect(() => compilePattern(`${'x'.repeat(1000)}*`)).toThrow(refused('LARDER_PATTERN_TOO_LONG'));
    expect(() => compilePattern(`^${'x'.repeat(1000)}`)).toThrow(/at most 1000 characters, got 1001/);
  });

  it('stay linear where backtracking engines stand still', () => {
    const key = `${'a'.repeat(5_000)}!`;
    expect(compilePattern('^(a+)+$').test(key)).toBe(false);
    expect(compilePattern('/^(a|aa)+$/').test(key)).toBe(false);
    expect(compilePattern('/(.*)*(.*)*(.*)*x/').test(key)).toBe(false);
    expect(compilePattern(`${'*a'.repeat(490)}*b`).test(key)).toBe(false);
  });

  it('match wildcards as a naive matcher does', () => {
    const sign = fc.constantFrom('a', 'b', ':', '.', '\n');
    const pattern = fc.string({ unit: fc.oneof(sign, fc.constant('*')), minLength: 1, maxLength: 7 });
    const key = fc.string({ unit: fc.oneof(sign, fc.constant('*')), maxLength: 10 });
    let matched = 0;
    fc.assert(
      fc.property(pattern, key, fc.boolean(), (text, random, grow) => {
        const subject = grow ? text.replaceAll('*', () => random) : random;
        const expected = naiveMatch(text, subject);
        if (expected) matched += 1;
        const compiled = compilePattern(text);
        expect(compiled.test(subject)).toBe(expected);
        if (expected) expect(subject.startsWith(compiled.literalPrefix)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
    expect(matched).toBeGreaterThan(5_000);
  });

  it('match regular expressions as the language does, literal prefix included', () => {
    const parts = [
      'a',
      'b',
      '\\.',
      '.',
      '*',
      '+',
      '?',
      '{2}',
      '{0,1}',
      '(a|b)',
      '|',
      '[ab]',
      '$',
      '\\d',
      '(ab)?',
      '1',
      'é',
    ];
    const source = fc
      .array(fc.constantFrom(...parts), { minLength: 1, maxLength: 6 })
      .map((list) => `^${list.join('')}`);
    const key = fc.string({ unit: fc.constantFrom('a', 'b', '.', '1', 'é', '\n'), maxLength: 6 });
    let compared = 0;
    fc.assert(
      fc.property(source, fc.array(key, { minLength: 5, maxLength: 5 }), (text, subjects) => {
        const reference = orNull(() => new RegExp(text, 's'));
        const pattern = orNull(() => compilePattern(text));
        if (reference === null || pattern === null) return;
        for (const subject of subjects)
          expect([subject, pattern.test(subject)]).toEqual([subject, reference.test(subject)]);
        compared += 1;
      }),
      { numRuns: 20_000 },
    );
    expect(compared).toBeGreaterThan(5_000);
  });
});

/** By trying every length for every `*`: slow and plainly right. */
function naiveMatch(pattern: string, key: string): boolean {
  if (pattern === '') return key === '';
  if (pattern[0] !== '*') return key !== '' && key[0] === pattern[0] && naiveMatch(pattern.slice(1), key.slice(1));
  const rest = pattern.replace(/^\*+/, '');
  for (let taken = 0; taken <= key.length; taken++) if (naiveMatch(rest, key.slice(taken))) return true;
  return false;
}

function orNull<T>(build: () => T): T | null {
  try {
    return build();
  } catch {
    return null;
  }
}
