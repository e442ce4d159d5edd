import fc from 'fast-check';
import { murmur3 } from '../../../libs/cache/src/core/hash/murmur3.js';

const of = (bytes: Uint8Array, seed = 0): number => murmur3(bytes, 0, bytes.length, seed) >>> 0;

describe('murmur3', () => {
  // The vectors of the reference implementation (MurmurHash3_x86_32).
  it.each<[string, number, number]>([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['!Ce\x87', 0, 0xf55b516b],
    ['!Ce\x87', 0x5082edee, 0x2362f9de],
    ['!Ce', 0, 0x7e4a8634],
    ['!C', 0, 0xa0f7b07a],
    ['!', 0, 0x72661cf4],
    ['\0\0\0\0', 0, 0x2362f9de],
    ['\0\0\0', 0, 0x85f0b427],
    ['\0\0', 0, 0x30f4c306],
    ['\0', 0, 0x514e28b7],
    ['\xff\xff\xff\xff', 0, 0x76293b50],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['aaaa', 0x9747b28c, 0x5a97808a],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ])('of %j with seed %i is as the reference has it', (text, seed, hash) => {
    expect(of(Buffer.from(text, 'latin1'), seed)).toBe(hash);
  });

  it('sees a part as if it stood alone', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), fc.uint8Array(), fc.integer(), (before, part, behind, seed) => {
        const whole = Uint8Array.from([...before, ...part, ...behind]);
        expect(murmur3(whole, before.length, before.length + part.length, seed)).toBe(
          murmur3(part, 0, part.length, seed),
        );
      }),
    );
  });

  it('tells every change within four bytes at a multiple of four', () => {
    const word = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), fc.nat(), word, fc.integer(), (words, nat, other, seed) => {
        const at = nat % words.length;
        fc.pre(Buffer.compare(words[at]!, other) !== 0);
        expect(of(Buffer.concat(words), seed)).not.toBe(of(Buffer.concat(words.with(at, other)), seed));
      }),
    );
  });
});
