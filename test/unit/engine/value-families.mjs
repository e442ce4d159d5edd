// @ts-check
/** Text that V8 stores flat, as it stores what comes from a driver or a parser: no slice of another string.
 * @param {number} length
 * @param {number} i
 */
const text = (length, i) => Buffer.alloc(length, String(i).padStart(8, '0')).toString('latin1');

/** Typical values, one of a kind for each number. @type {Record<string, (i: number) => unknown>} */
export const FAMILIES = {
  'a number': (i) => i + 0.5,
  'a short string': (i) => text(12, i),
  'a long string': (i) => text(4000, i),
  'text beyond Latin-1': (i) => `${text(9, i)}${'漢'.repeat(500)}`,
  'a small record': (i) => ({ id: i, name: text(20, i), active: true, score: i / 3 }),
  'a nested record': (i) => ({ id: i, owner: { name: text(20, i), tags: ['a', 'b'] }, rows: [{ n: i }, { n: i + 1 }] }),
  'twenty rows': (i) => Array.from({ length: 20 }, (_, n) => ({ id: i * 20 + n, name: text(16, i), price: n / 7 })),
  'a vector': (i) => Array.from({ length: 256 }, (_, n) => n / 7 + i),
  'a Date and a Map': (i) => ({
    at: new Date(i),
    counts: new Map(Array.from({ length: 20 }, (_, n) => [text(8, n), n])),
  }),
  'a Set': (i) => new Set(Array.from({ length: 50 }, (_, n) => n + i)),
  'a Buffer': (i) => Buffer.alloc(2000, i),
  'a bigint': (i) => 2n ** 200n + BigInt(i),
};
