import { CacheError, describeInput } from '../errors/cache-error.js';

/**
 * Numbers that a backend tells of itself, beside those that the cache counts for every backend. Names are fixed words of the
 * program, `a-z`, `0-9` and `_`, a letter first, at most 40 characters; at most 50 of each kind. Never a key or a value.
 */
export interface BackendFigures {
  /** What is at this moment, e.g. `{ peers: 4, copies: 1210 }`. */
  readonly levels: Readonly<Record<string, number>>;
  /** What has happened since start, and only rises, e.g. `{ repairs: 3 }`. */
  readonly counts: Readonly<Record<string, number>>;
}

export const NO_FIGURES: BackendFigures = Object.freeze({ levels: Object.freeze({}), counts: Object.freeze({}) });

const NAME = /^[a-z][a-z0-9_]{0,39}$/;
const MAX_NAMES = 50;

/** @throws CacheError `LARDER_OPTION_INVALID` for figures that no monitoring system could bear */
export function assertFigures(figures: BackendFigures, backend: string): BackendFigures {
  for (const [kind, numbers] of [
    ['levels', figures?.levels],
    ['counts', figures?.counts],
  ] as const) {
    if (typeof numbers !== 'object' || numbers === null) throw invalid(kind, backend, describeInput(numbers));
    const entries = Object.entries(numbers);
    if (entries.length > MAX_NAMES) throw invalid(kind, backend, `${entries.length} of them`);
    const odd = entries.find(([name, value]) => !NAME.test(name) || !Number.isFinite(value));
    if (odd !== undefined) throw invalid(kind, backend, `${describeInput(odd[1])} under ${describeInput(odd[0])}`);
  }
  return figures;
}

function invalid(kind: string, backend: string, got: string): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${kind}\` of the figures of backend '${backend}' to be at most ${MAX_NAMES} finite numbers, their names of 1 to 40 of a-z, 0-9 and '_', a letter first, got ${got}. Correct its figures(); keys never belong there.`,
  );
}
