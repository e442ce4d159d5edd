import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { encodeArguments, localKey } from '../../../libs/cache/src/core/keys/local-key.js';
import { isWellFormed } from '../../../libs/cache/src/core/keys/well-formed.js';
import { argument } from './key-arguments.js';

const HASHED = /^h:[0-9a-f]{64}$/;
const lists = fc.array(argument, { maxLength: 3 });

/** What the text of a key says when read as text: the best forgery of the list it came from. */
function forge(args: readonly unknown[]): string[][] {
  const text = encodeArguments(args);
  const read = (part: string): string => part.replaceAll('%3A', ':').replaceAll('%25', '%');
  return [
    [text],
    [read(text)],
    text.split(':'),
    text.split(':').map(read),
    read(text).split(':'),
    read(text).split(','),
  ];
}

describe('keys of argument lists', () => {
  it('differ wherever the lists differ, and agree wherever they agree', () => {
    const seen = new Map<string, readonly unknown[]>();
    let agreed = 0;
    let forged = 0;
    const claim = (args: readonly unknown[]): void => {
      const key = localKey('find', args);
      const earlier = seen.get(key);
      if (earlier === undefined) seen.set(key, args);
      else if (isDeepStrictEqual(earlier, args)) agreed += 1;
      else throw new Error(`one key for two lists: ${key}`);
    };
    fc.assert(
      fc.property(fc.clone(lists, 2), ([args, twin]) => {
        claim(args);
        claim(twin);
        for (const forgery of forge(args)) {
          claim(forgery);
          forged += 1;
        }
      }),
      { numRuns: 20_000 },
    );
    expect(agreed).toBeGreaterThanOrEqual(20_000);
    expect(forged).toBe(120_000);
  });

  it('hold one segment per argument of well-formed text', () => {
    fc.assert(
      fc.property(fc.array(argument, { minLength: 1, maxLength: 3 }), (args) => {
        const text = encodeArguments(args);
        expect(isWellFormed(text)).toBe(true);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(512);
        if (!HASHED.test(text)) expect(text.split(':')).toHaveLength(args.length);
      }),
      { numRuns: 20_000 },
    );
  });

  it('do not depend on the order of fields, map entries and set items', () => {
    const entries = fc.uniqueArray(fc.tuple(fc.string({ maxLength: 3 }), argument), {
      selector: ([name]) => name,
      maxLength: 5,
    });
    fc.assert(
      fc.property(entries, (list) => {
        const reversed = [...list].reverse();
        const forms = [
          Object.fromEntries,
          (items: typeof list) => new Map(items),
          (items: typeof list) => new Set(items.map(([k]) => k)),
        ];
        for (const form of forms) expect(localKey('find', [form(reversed)])).toBe(localKey('find', [form(list)]));
      }),
      { numRuns: 5_000 },
    );
  });
});
