import { CacheError, describeInput } from '../errors/cache-error.js';
import { compileRegex, readRegex } from './regex-pattern.js';
import { isWellFormed } from './well-formed.js';

export type PatternMode = 'exact' | 'prefix' | 'suffix' | 'contains' | 'wildcard' | 'all' | 'regex';

/** A compiled pattern over keys. It holds no state: the same pattern may be tested from anywhere. */
export interface KeyPattern {
  readonly text: string;
  readonly mode: PatternMode;
  /** What every matching key begins with; `''` where nothing is known. Lets an index or a scan skip the rest. */
  readonly literalPrefix: string;
  /** Whether a key matches, in time linear in its length. */
  test(key: string): boolean;
}

/** Longer patterns are refused (REQ-003-06). */
export const MAX_PATTERN_LENGTH = 1000;

/**
 * Compiles a pattern; the one matcher of every tier, route and event (REQ-003-01 to 07).
 *
 * | text | meaning |
 * |---|---|
 * | `user:*` | keys that begin with `user:` |
 * | `*:profile` | keys that end with `:profile` |
 * | `*draft*` | keys that contain `draft` |
 * | `user:*:profile` | `*` inside stands for any text; the rest is anchored |
 * | `*` | every key |
 * | `/user:\d+/`, `/user/i`, `^user:\d+$` | regular expression (RE2 syntax); found anywhere unless anchored |
 * | anything else | that key exactly |
 *
 * `*` stands for any text, none and line breaks included, and `.` of a regular expression for any character; everything
 * but `*` is literal. A key with a literal `*`, or one written between slashes, is met by a regular expression only.
 *
 * @throws CacheError `LARDER_PATTERN_INVALID`, `LARDER_PATTERN_TOO_LONG`
 */
export function compilePattern(text: string): KeyPattern {
  assertPatternText(text);
  const regex = readRegex(text);
  if (regex !== null) return { text, mode: 'regex', ...compileRegex(text, regex) };
  if (!text.includes('*')) return { text, mode: 'exact', literalPrefix: text, test: (key) => key === text };
  return compileWildcards(text);
}

function assertPatternText(text: unknown): asserts text is string {
  if (typeof text !== 'string' || text === '') {
    throw new CacheError(
      'LARDER_PATTERN_INVALID',
      `Expected a pattern to be a non-empty string, got ${describeInput(text)}. Write e.g. \`get_user:*\`, or \`*\` for every key.`,
    );
  }
  if (text.length > MAX_PATTERN_LENGTH) {
    throw new CacheError(
      'LARDER_PATTERN_TOO_LONG',
      `Expected a pattern of at most ${MAX_PATTERN_LENGTH} characters, got ${text.length}. ` +
        'Match a common part, or invalidate by tag.',
    );
  }
  if (!isWellFormed(text)) {
    throw new CacheError(
      'LARDER_PATTERN_INVALID',
      `Expected a pattern to be well-formed text, got ${describeInput(text)} with half of a surrogate pair. No key holds one; remove it.`,
    );
  }
}

function compileWildcards(text: string): KeyPattern {
  const parts = text.split(/\*+/);
  const first = parts[0];
  const last = parts[parts.length - 1];
  const inner = parts.slice(1, -1);
  if (inner.length === 0) {
    if (first === '' && last === '') return { text, mode: 'all', literalPrefix: '', test: () => true };
    if (last === '') return { text, mode: 'prefix', literalPrefix: first, test: (key) => key.startsWith(first) };
    if (first === '') return { text, mode: 'suffix', literalPrefix: '', test: (key) => key.endsWith(last) };
  }
  if (inner.length === 1 && first === '' && last === '') {
    return { text, mode: 'contains', literalPrefix: '', test: (key) => key.includes(inner[0]) };
  }
  return { text, mode: 'wildcard', literalPrefix: first, test: (key) => matchParts(key, first, inner, last) };
}

/**
 * The inner parts are looked for from left to right, each at its first place. Taking the first place never loses a match
 * (it leaves the most text for the others), so nothing is ever tried twice.
 */
function matchParts(key: string, first: string, inner: readonly string[], last: string): boolean {
  if (!key.startsWith(first) || !key.endsWith(last)) return false;
  let from = first.length;
  for (const part of inner) {
    const at = key.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return from + last.length <= key.length;
}
