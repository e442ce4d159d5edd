/**
 * The order of feed epochs: by UTF-16 code units, but for runs of the digits 0 to 9, which are compared as numbers where
 * they meet (`e9 < e10`, whatever their length) and stand where their digits stand otherwise (`e! < e9 < eA < ea`).
 * Leading zeros say nothing: `e01` and `e1` are the same epoch. A text that the other begins with is the older one.
 *
 * @returns negative where `a` is older, 0 for the same epoch, positive where `a` is newer
 */
export function compareFeedEpochs(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    const [left, right] = [runAt(a, i), runAt(b, j)];
    const order =
      left === null || right === null ? a.charCodeAt(i) - b.charCodeAt(j) : compareNumbers(left.number, right.number);
    if (order !== 0) return order;
    i = left?.end ?? i + 1;
    j = right?.end ?? j + 1;
  }
  return a.length - i - (b.length - j);
}

const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/**
 * An epoch as bytes whose own order is that of `compareFeedEpochs`, for an index: a code unit is two bytes, big-endian; a
 * run of digits is the unit of `0`, how many digits the number has in two bytes, and the digits, a byte each. No other
 * unit lies between those of the digits, so what is not a digit compares as the unit does.
 */
export function feedEpochBytes(epoch: string): Buffer {
  const bytes: number[] = [];
  for (let i = 0; i < epoch.length;) {
    const run = runAt(epoch, i);
    const unit = run === null ? epoch.charCodeAt(i) : DIGIT_0;
    bytes.push(unit >> 8, unit & 0xff);
    if (run !== null)
      bytes.push(run.number.length >> 8, run.number.length & 0xff, ...Buffer.from(run.number, 'latin1'));
    i = run?.end ?? i + 1;
  }
  return Buffer.from(bytes);
}

/** The number that begins at a place, without leading zeros (0 is empty), and where it ends. */
function runAt(text: string, from: number): { readonly number: string; readonly end: number } | null {
  let end = from;
  while (isDigit(text.charCodeAt(end))) end += 1;
  if (end === from) return null;
  let first = from;
  while (first < end && text.charCodeAt(first) === DIGIT_0) first += 1;
  return { number: text.slice(first, end), end };
}

/** False past the end too, where the code is NaN. */
function isDigit(code: number): boolean {
  return code >= DIGIT_0 && code <= DIGIT_9;
}

function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : Number(a > b);
}
