import fc from 'fast-check';
import type { Invalidation } from '../../../libs/cache/src/core/coherence/invalidation.js';
import { LogMessageCodec, MAX_MESSAGE_BYTES } from '../../../libs/cache/src/core/coherence/log-message.js';
import { MessageSigner } from '../../../libs/cache/src/core/coherence/message-signature.js';
import { splitInvalidation } from '../../../libs/cache/src/core/coherence/split-invalidation.js';

const text = fc.string({ unit: 'binary' });
const invalidation: fc.Arbitrary<Invalidation> = fc.record({
  id: text,
  keys: fc.array(text),
  tags: fc.array(text),
  patterns: fc.array(fc.record({ pattern: text, scope: fc.option(text) })),
  flush: fc.boolean(),
  reason: text,
  origin: text,
});
const SOME: Invalidation = {
  id: 'i',
  keys: ['user:get_user:1'],
  tags: [],
  patterns: [],
  flush: false,
  reason: 'r',
  origin: 'o',
};
const plain = new LogMessageCodec('shop', null);
const signed = new LogMessageCodec('shop', new MessageSigner(['secret']));

describe('LogMessageCodec', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.array(invalidation, { maxLength: 5 }), fc.boolean(), (invalidations, acknowledge) => {
        for (const codec of [plain, signed]) {
          expect(codec.decode(codec.encode({ invalidations, acknowledge }, 1))).toEqual({ invalidations, acknowledge });
        }
      }),
    );
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.string(), (input, signature) => {
        expect(['unreadable', 'forged']).toContain(plain.decode({ text: input, signature }));
        expect(signed.decode({ text: input, signature })).toBe('forged');
      }),
      { numRuns: 2000 },
    );
  });

  it('calls forged what is unsigned, changed, signed by another secret or for another namespace', () => {
    const message = signed.encode({ invalidations: [SOME], acknowledge: false }, 1);
    const stranger = new LogMessageCodec('shop', new MessageSigner(['other']));
    const neighbour = new LogMessageCodec('shop2', new MessageSigner(['secret']));
    expect(signed.decode(plain.encode({ invalidations: [SOME], acknowledge: false }, 1))).toBe('forged');
    expect(signed.decode({ ...message, text: message.text.replace('get_user:1', 'get_user:2') })).toBe('forged');
    expect(signed.decode(stranger.encode({ invalidations: [SOME], acknowledge: false }, 1))).toBe('forged');
    expect(signed.decode(neighbour.encode({ invalidations: [SOME], acknowledge: false }, 1))).toBe('forged');
  });

  it('lets secrets be rotated: the newest signs, all verify', () => {
    const rotated = new LogMessageCodec('shop', new MessageSigner(['newer', 'secret']));
    const old = signed.encode({ invalidations: [SOME], acknowledge: false }, 1);
    expect(rotated.decode(old)).toMatchObject({ invalidations: [SOME] });
    expect(signed.decode(rotated.encode({ invalidations: [SOME], acknowledge: false }, 1))).toBe('forged');
  });

  it.each([
    ['another version', { v: 2, ns: 'shop', batch: [] }],
    ['no batch', { v: 1, ns: 'shop' }],
    ['a key that is no text', { v: 1, ns: 'shop', batch: [{ ...SOME, keys: [1] }] }],
    ['a field missing', { v: 1, ns: 'shop', batch: [{ ...SOME, flush: undefined }] }],
    ['more than 1,000 targets', { v: 1, ns: 'shop', batch: [{ ...SOME, keys: Array(1001).fill('k') }] }],
  ])('calls unreadable: %s', (_, wire) => {
    expect(plain.decode({ text: JSON.stringify(wire), signature: '' })).toBe('unreadable');
  });
});

describe('splitInvalidation', () => {
  it('cuts into pieces that are readable and together name every target once', () => {
    const many = fc.integer({ min: 0, max: 3000 });
    fc.assert(
      fc.property(
        many,
        many,
        fc.nat({ max: 40 }),
        fc.string({ unit: 'binary', maxLength: 40 }),
        (keys, tags, patterns, stem) => {
          const whole: Invalidation = {
            ...SOME,
            keys: Array.from({ length: keys }, (_, n) => `k${stem}${n}`),
            tags: Array.from({ length: tags }, (_, n) => `t${stem}${n}`),
            patterns: Array.from({ length: patterns }, (_, n) => ({ pattern: `p${n}*`, scope: null })),
            flush: true,
          };
          const pieces = splitInvalidation(whole);
          for (const piece of pieces) {
            const message = plain.encode({ invalidations: [piece], acknowledge: false }, 1);
            expect(Buffer.byteLength(message.text)).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
            expect(typeof plain.decode(message)).toBe('object');
          }
          expect(pieces.flatMap((piece) => piece.keys)).toEqual(whole.keys);
          expect(pieces.flatMap((piece) => piece.tags)).toEqual(whole.tags);
          expect(pieces.flatMap((piece) => piece.patterns)).toEqual(whole.patterns);
          expect(pieces.filter((piece) => piece.flush)).toHaveLength(1);
        },
      ),
      { numRuns: 30 },
    );
  });
});
