import { RE2JS, RE2JSException } from 're2js';
import { CacheError } from '../errors/cache-error.js';

/** A regular expression as it stands in a pattern. */
export interface RegexSource {
  readonly source: string;
  readonly ignoreCase: boolean;
}

export interface CompiledRegex {
  /** What every matching key begins with, as far as the expression shows it; else `''`. */
  readonly literalPrefix: string;
  test(key: string): boolean;
}

/** Repetitions are unrolled; a pattern of 1,000 characters could otherwise grow to 100,000 steps per character. */
const MAX_PROGRAM_SIZE = 2000;

const DELIMITED = /^\/(.*)\/(i?)$/s;
const META = new Set('\\^$.|?*+()[]{}');
const OPTIONAL_REPEAT = new Set('*?{');

/** What the engine puts before its reason, and the flags it puts before the expression it quotes. */
const ENGINE_ADDITIONS = /^error parsing regexp: |(?<=`)(?:\(\?[is]+\))+/g;

/** Reads `/source/`, `/source/i` and `^source`; `null` for text that is no regular expression. */
export function readRegex(text: string): RegexSource | null {
  const delimited = DELIMITED.exec(text);
  if (delimited !== null) return { source: delimited[1], ignoreCase: delimited[2] === 'i' };
  return text.startsWith('^') ? { source: text, ignoreCase: false } : null;
}

/**
 * Compiles a regular expression on RE2, whose time is linear in the key whatever the expression: V8's own engine takes
 * seconds for `^(a+)+$` on 30 characters (REQ-003-07). The literal prefix is compared first, so most keys never reach it.
 *
 * @throws CacheError `LARDER_PATTERN_INVALID`
 */
export function compileRegex(text: string, { source, ignoreCase }: RegexSource): CompiledRegex {
  if (source === '') throw invalid(text, 'it is empty', 'Write `*` to match every key');
  const regex = compile(text, source, ignoreCase);
  const literalPrefix = ignoreCase ? '' : literalPrefixOf(source);
  return { literalPrefix, test: (key) => key.startsWith(literalPrefix) && regex.test(key) };
}

function compile(text: string, source: string, ignoreCase: boolean): RE2JS {
  let regex: RE2JS;
  try {
    regex = RE2JS.compile(source, RE2JS.DOTALL | (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0));
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const cure =
      'Patterns use RE2 syntax: no look-around, no back-references, at most 1000 repetitions; to match a sign itself, put `\\` before it';
    throw invalid(text, error.message.replace(ENGINE_ADDITIONS, ''), cure, error);
  }
  if (regex.programSize() > MAX_PROGRAM_SIZE) {
    const reason = `it unrolls to ${regex.programSize()} steps, more than ${MAX_PROGRAM_SIZE}`;
    throw invalid(text, reason, 'Use smaller repetition counts, or `*`, `+`');
  }
  return regex;
}

/**
 * The text behind a leading `^` up to the first sign with a meaning. Any `|` gives up, since it may split the whole
 * expression; a repetition that allows none takes its character out again.
 */
function literalPrefixOf(source: string): string {
  if (!source.startsWith('^') || source.includes('|')) return '';
  const signs = Array.from(source.slice(1)); // code points: a quantifier applies to a whole one
  const literal: string[] = [];
  let i = 0;
  for (; i < signs.length; i++) {
    if (signs[i] === '\\' && META.has(signs[i + 1])) i++;
    else if (META.has(signs[i])) break;
    literal.push(signs[i]);
  }
  if (OPTIONAL_REPEAT.has(signs[i])) literal.pop();
  return literal.join('');
}

function invalid(text: string, reason: string, cure: string, cause?: unknown): CacheError {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return new CacheError(
    'LARDER_PATTERN_INVALID',
    `Expected a valid regular expression, got \`${shown}\`: ${reason}. ${cure}.`,
    cause === undefined ? undefined : { cause },
  );
}
