import fc from 'fast-check';
import { compareFeedEpochs, feedEpochBytes } from '../../../libs/cache/src/core/decision/feed-epoch.js';

const sign = (order: number): number => Math.sign(order);
/** Texts in which digits, zeros and what stands beside them in the order of units are frequent. */
const epochs = fc
  .array(
    fc.oneof(
      fc.constantFrom('0', '00', '9', '10', '/', ':', 'a', 'B', '-', '\u{1F600}', '\uE000', ''),
      fc.string({ unit: 'binary' }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

describe('the order of feed epochs', () => {
  it.each([
    ['9', '10'],
    ['e9', 'e10'],
    ['2026-01-09', '2026-01-10'],
    ['2026-1-9', '2026-01-10'],
    ['v1.9.9', 'v1.10.0'],
    ['B', 'a'],
    ['e', 'e0'],
    ['', '0'],
    ['e!', 'e9'],
    ['e9', 'eA'],
    ['eA', 'ea'],
    ['z', 'ä'],
    ['\u{1F600}', '\uE000'], // by UTF-16 code units, where UTF-8 bytes say the opposite
    ['99999999999999999999998', '99999999999999999999999'],
    [`1${'0'.repeat(200)}`, `2${'0'.repeat(200)}`],
  ])('%j is older than %j', (older, newer) => {
    expect(sign(compareFeedEpochs(older, newer))).toBe(-1);
    expect(sign(compareFeedEpochs(newer, older))).toBe(1);
    expect(Buffer.compare(feedEpochBytes(older), feedEpochBytes(newer))).toBe(-1);
  });

  it.each([
    ['e1', 'e01'],
    ['0', '000'],
    ['a007b', 'a7b'],
  ])('%j and %j are the same epoch', (a, b) => {
    expect(compareFeedEpochs(a, b)).toBe(0);
    expect(feedEpochBytes(a)).toEqual(feedEpochBytes(b));
  });

  it('is an order, and that of the bytes in the index', () => {
    fc.assert(
      fc.property(epochs, epochs, epochs, (a, b, c) => {
        const order = sign(compareFeedEpochs(a, b));
        expect(Buffer.compare(feedEpochBytes(a), feedEpochBytes(b))).toBe(order);
        expect(sign(compareFeedEpochs(b, a))).toBe(0 - order || 0);
        const other = sign(compareFeedEpochs(b, c));
        if (order <= 0 && other <= 0) expect(sign(compareFeedEpochs(a, c))).toBe(Math.min(order, other));
      }),
      { numRuns: 5_000 },
    );
  });

  it('fits into an index, whatever an epoch of 256 units is made of', () => {
    expect(feedEpochBytes('1a'.repeat(128)).length).toBeLessThan(2_000);
  });
});
