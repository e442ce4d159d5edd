import fc from 'fast-check';
import { addExtension } from 'msgpackr';
import { decodeEnvelope, encodeEnvelope } from '../../../libs/cache/src/core/codec/envelope.js';

const RUNS = Number(process.env['LARDER_PROPERTY_RUNS'] ?? 1500);
const TIMES = { freshMs: 1, graceMs: 2, createdAt: 3 };
const PROTECTED = [Object, Array, Map, Set, Date, Error, RegExp, Uint8Array, Function].map(
  (type) => type.prototype as object,
);

const leaf = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.nat(300).map((length) => 'aé漢'.repeat(length).slice(0, length)),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0, NaN),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }),
  fc.float64Array({ maxLength: 5 }),
  fc.bigInt64Array({ maxLength: 5 }),
);
const FEW = { maxLength: 4 };
const key = fc.string().filter((text) => text !== '__proto__');
const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('value'), FEW),
    fc.dictionary(key, tie('value'), { noNullPrototype: true, maxKeys: 5 }),
    fc.array(fc.record({ id: fc.integer(), name: fc.string(), more: tie('value') }, { noNullPrototype: true }), FEW),
    fc.array(fc.tuple(tie('value'), tie('value')), FEW).map((pairs) => new Map(pairs)),
    fc.array(tie('value'), FEW).map((members) => new Set(members)),
  ),
}));

/** A header that is in order, before bytes that need not be: once for each codec, that of trees and that of graphs. */
const payloads = (bytes: Uint8Array): Uint8Array[] =>
  [1, 2].map((codec) => {
    const message = Buffer.concat([encodeEnvelope({ value: 0, ...TIMES }).subarray(0, 26), bytes]);
    message[1] = codec;
    return message;
  });

/** Bytes of the kinds that MessagePack gives a meaning to, so that decoding gets further than on noise. */
const TOKENS = [
  0x00, 0x40, 0x41, 0x80, 0x82, 0x91, 0x92, 0xa1, 0xa5, 0xc0, 0xc1, 0xc4, 0xc7, 0xd4, 0xd5, 0xd6, 0xdc, 0xde, 0xff,
];
const TYPES = [0x10, 0x11, 0x12, 0x42, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 0xff];
const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
  'then',
  'toJSON',
];
const fragment = fc.oneof(
  fc.constantFrom(...TOKENS).map((token) => [token]),
  fc.tuple(fc.constantFrom(0xd4, 0xd6, 0xc7), fc.constantFrom(...TYPES), fc.nat(4)).map((bytes) => [...bytes]),
  fc.constantFrom(...NAMES).map((name) => [0xa0 + name.length, ...Buffer.from(name)]),
  fc.array(fc.nat(255), { maxLength: 4 }),
);
const hostile = fc.array(fragment, { minLength: 1, maxLength: 25 }).map((parts) => Uint8Array.from(parts.flat()));

/** Decoding must not throw, and whatever it yields, the world must be as before. */
function decodeSafely(bytes: Uint8Array): void {
  const before = PROTECTED.map((prototype) => Reflect.ownKeys(prototype).length);
  const envelope = decodeEnvelope(bytes);
  expect(PROTECTED.map((prototype) => Reflect.ownKeys(prototype).length)).toEqual(before);
  const reached = new Set<unknown>();
  visit(envelope, reached);
  for (const forbidden of [...PROTECTED, globalThis, Object, Function]) expect(reached.has(forbidden)).toBe(false);
}

function visit(value: unknown, reached: Set<unknown>): void {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || reached.has(value)) return;
  reached.add(value);
  if (ArrayBuffer.isView(value)) return;
  for (const name of Object.keys(value)) visit((value as Record<string, unknown>)[name], reached);
  if (value instanceof Map) for (const pair of value) visit(pair, reached);
  if (value instanceof Set) for (const member of value) visit(member, reached);
}

describe(`the envelope under fuzz (${RUNS} runs each)`, () => {
  it('carries any value faithfully', () => {
    fc.assert(
      fc.property(anything, (value) => {
        expect(decodeEnvelope(encodeEnvelope({ value, ...TIMES }))!.value).toStrictEqual(value);
        const [first, second] = decodeEnvelope(encodeEnvelope({ value: [value, value], ...TIMES }))!.value as unknown[];
        expect(first).toStrictEqual(value);
        expect(Object.is(first, second)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  }, 120_000);

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const message of [bytes, ...payloads(bytes)]) decodeSafely(message);
      }),
      { numRuns: RUNS },
    );
  }, 120_000);

  it('survives bytes that look like MessagePack, and the next message is read as ever', () => {
    const control = { rows: [{ a: 1 }, { a: 2 }, { a: 3 }], self: new Map([['x', new Date(5)]]) };
    const message = encodeEnvelope({ value: control, ...TIMES });
    fc.assert(
      fc.property(hostile, (bytes) => {
        for (const each of payloads(bytes)) decodeSafely(each);
        expect(decodeEnvelope(message)!.value).toStrictEqual(control);
      }),
      { numRuns: RUNS },
    );
  }, 120_000);

  it('survives flipped, cut and doubled messages', () => {
    fc.assert(
      fc.property(
        anything,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
        fc.nat(),
        (value, flips, cut) => {
          const bytes = Uint8Array.from(encodeEnvelope({ value, ...TIMES }));
          for (const [at, mask] of flips) bytes[at % bytes.length]! ^= mask;
          decodeSafely(bytes);
          decodeSafely(bytes.subarray(0, cut % bytes.length));
          decodeSafely(Buffer.concat([bytes, bytes]));
        },
      ),
      { numRuns: RUNS },
    );
  }, 120_000);

  it.each([0x91, 0x81, 0xd4])('survives a megabyte of 0x%s', (byte) => {
    for (const message of payloads(new Uint8Array(1_000_000).fill(byte))) decodeSafely(message);
  });

  const text = (words: string): number[] => [0xa0 + words.length, ...Buffer.from(words)];
  const error = (name: string): number[] => [0xd4, 0x65, 0, 0x93, ...text(name), ...text('m'), 0x80];

  it.each(NAMES)('makes of an error called %s an error and nothing else', (name) => {
    for (const message of payloads(Uint8Array.from(error(name)))) {
      const { value } = decodeEnvelope(message)!;
      expect(value).toBeInstanceOf(Error);
      expect(value).toMatchObject({ name, message: 'm' });
    }
  });

  it.each<[string, number[]]>([
    ['an object', [0x81, ...text('__proto__'), 0x81, ...text('admin'), 0xc3]],
    ['an error', [...error('Error').slice(0, -1), 0x81, ...text('__proto__'), 0x81, ...text('admin'), 0xc3]],
    ['a record', [0xd4, 0x72, 0x40, 0x91, ...text('__proto__'), 0x81, ...text('admin'), 0xc3]],
    [
      'a record of itself',
      [0xd6, 0x69, 0, 0, 0, 1, 0xd4, 0x72, 0x40, 0x91, ...text('__proto__'), 0xd6, 0x70, 0, 0, 0, 1],
    ],
  ])('gives no prototype to %s that names one', (_, bytes) => {
    for (const message of payloads(Uint8Array.from(bytes))) {
      const value = decodeEnvelope(message)?.value ?? {};
      expect(PROTECTED).toContain(Object.getPrototypeOf(value));
      expect((value as { admin?: boolean }).admin).toBeUndefined();
    }
  });

  it('takes half a pair of a map, and anything else that is no list of pairs, for damage', () => {
    for (const content of [[0x93, 1, 2, 3], [0x80], [0xc0], text('ab')]) {
      expect(decodeEnvelope(payloads(Uint8Array.from([0xd4, 0x12, 0, ...content]))[0]!)).toBeNull();
    }
  });

  it('is not reached by extensions that others register with msgpackr', () => {
    class Foreign {}
    addExtension({ Class: Foreign, type: 0x12, pack: () => Buffer.alloc(1), unpack: () => 'taken over' });
    addExtension({ Class: Date, type: 0x13, pack: () => Buffer.alloc(1), unpack: () => 'taken over' });
    const value = {
      at: new Date(5),
      dictionary: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i])),
    };
    expect(decodeEnvelope(encodeEnvelope({ value, ...TIMES }))!.value).toStrictEqual(value);
  });
});
