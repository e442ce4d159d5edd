import fc from 'fast-check';
import {
  covers,
  eraOfPosition,
  isEra,
  isLogId,
  isPosition,
  logIdAt,
  millisecondsOf,
  ordOf,
  ordOfPosition,
  positionOf,
} from '../../../libs/cache/src/core/coherence/position.js';

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...Array.from('0123456789abcdef')), { minLength: length, maxLength: length })
    .map((all) => all.join(''));
const era = hex(24);
const id = hex(20);

describe('positions', () => {
  it('hold era and id and give them back', () => {
    fc.assert(
      fc.property(era, id, (ofEra, ofId) => {
        const position = positionOf(ofEra, ofId);
        expect(isPosition(position) && isEra(ofEra) && isLogId(ofId)).toBe(true);
        expect(eraOfPosition(position)).toBe(ofEra);
        expect(ordOfPosition(position)).toBe(ordOf(ofEra, ofId));
      }),
    );
  });

  it('are ordered as text as they are in the log', () => {
    const ms = fc.nat({ max: 2 ** 45 });
    const sequence = fc.nat({ max: 2 ** 31 });
    fc.assert(
      fc.property(era, ms, sequence, ms, sequence, (of, ms1, seq1, ms2, seq2) => {
        const earlier = ms1 < ms2 || (ms1 === ms2 && seq1 < seq2);
        expect(ordOf(of, logIdAt(ms1, seq1)) < ordOf(of, logIdAt(ms2, seq2))).toBe(earlier);
        expect(millisecondsOf(logIdAt(ms1, seq1))).toBe(ms1);
      }),
    );
  });

  it('of one history cover what is not later', () => {
    const of = '00000002aaaaaaaaaaaaaaaa';
    expect(covers(positionOf(of, logIdAt(5)), positionOf(of, logIdAt(5)))).toBe(true);
    expect(covers(positionOf(of, logIdAt(5)), positionOf(of, logIdAt(6)))).toBe(false);
  });

  it('of a later epoch cover everything of an earlier, those of another history of the epoch nothing', () => {
    const awaited = positionOf('00000002aaaaaaaaaaaaaaaa', logIdAt(5));
    expect(covers(positionOf('00000003bbbbbbbbbbbbbbbb', logIdAt(1)), awaited)).toBe(true);
    expect(covers(positionOf('00000002bbbbbbbbbbbbbbbb', logIdAt(9)), awaited)).toBe(false);
    expect(covers(positionOf('00000001bbbbbbbbbbbbbbbb', logIdAt(9)), awaited)).toBe(false);
  });

  it.each(['', 'x'.repeat(44), '0'.repeat(43)])('are nothing else: %j', (text) => {
    expect(isPosition(text)).toBe(false);
  });
});
