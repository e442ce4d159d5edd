// @ts-check
/** The cells of a chaos run: what is read, by which road, and what a write of it invalidates. */

/**
 * @typedef {'key' | 'tag' | 'entity' | 'collection' | 'pattern' | 'regex' | 'scope' | 'flush' | 'many' | 'grace' | 'manual'} Kind
 * @typedef {object} Cell
 * @property {number} index
 * @property {Kind} kind
 * @property {number} place among its kind
 * @property {number} owner the worker that writes it
 */

/** How many cells of each kind, and how often a write goes to that kind. */
const SHARES = /** @type {const} */ ({
  key: { cells: 40, weight: 16 },
  tag: { cells: 40, weight: 16 },
  entity: { cells: 24, weight: 10 },
  collection: { cells: 24, weight: 10 },
  pattern: { cells: 24, weight: 6 },
  regex: { cells: 12, weight: 3 },
  scope: { cells: 12, weight: 3 },
  flush: { cells: 9, weight: 0.3 },
  many: { cells: 40, weight: 12 },
  grace: { cells: 16, weight: 6 },
  manual: { cells: 24, weight: 8 },
});

export const KINDS = /** @type {Kind[]} */ (Object.keys(SHARES));
const TOTAL_WEIGHT = KINDS.reduce((sum, kind) => sum + SHARES[kind].weight, 0);
/** So many neighbours of a collection, or of a pattern, are invalidated together. */
export const GROUP = 4;

/**
 * @param {number} workers
 * @returns {Cell[]}
 */
export function allCells(workers) {
  const cells = KINDS.flatMap((kind) => Array.from({ length: SHARES[kind].cells }, (_, place) => ({ kind, place })));
  return cells.map((cell, index) => ({ ...cell, index, owner: index % workers }));
}

/**
 * @param {import('./seeded-random.mjs').SeededRandom} random
 * @returns {Kind}
 */
export function pickKind(random) {
  let left = random.next() * TOTAL_WEIGHT;
  return KINDS.find((kind) => (left -= SHARES[kind].weight) < 0) ?? 'key';
}

/** @param {Cell} cell */
export function groupOf({ place }) {
  return Math.floor(place / GROUP);
}
