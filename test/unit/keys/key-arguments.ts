import fc from 'fast-check';

/** A class known by its fields. */
export class Money {
  constructor(readonly cents: unknown) {}
}

/** A class known by its `toJSON`. */
export class ObjectId {
  readonly #id: unknown;
  constructor(id: unknown) {
    this.#id = id;
  }
  toJSON(): unknown {
    return this.#id;
  }
}

/** A class with the name of a built-in type, and with JSON that can look like the content of one. */
export const BorrowedDate = {
  Date: class Date extends Money {
    toJSON(): unknown {
      return this.cents;
    }
  },
}.Date;

/** A class without a name. */
export const Nameless = (() => class extends Money {})();

/** Everything that means something to the encoder, so that strings imitate its output. */
const SYNTAX = [
  ...'" \\" [ ] { } : % %3A %25 %22 , ( ) / \\ h 1 0 - -0 n . e+ NaN Infinity true false null undefined toJSON'.split(
    ' ',
  ),
  ...'Date( Map([ Set([ RegExp( Symbol.for( Uint8Array( Buffer( Money( ObjectId( Object( {"a" {"a":1} [1,2] "1"'.split(
    ' ',
  ),
  ...'__proto__ constructor a é 😀 \ud800 \udc00 \n \u0000 \u007f'.split(' '),
  ' ',
];

const text = fc.oneof(
  fc.array(fc.constantFrom(...SYNTAX), { maxLength: 4 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 6 }),
);
const number = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 10, 12, 123, 1.5, 1e21, 1e-7, NaN, Infinity, -Infinity),
  fc.double(),
);
const leaf = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 2, arbitrary: number },
  fc.bigInt({ min: -20n, max: 20n }),
  fc.constantFrom(true, false, null, undefined),
  fc.integer({ min: -2, max: 2 }).map((ms) => new Date(ms)),
  fc.constantFrom('a', '1', '"', 'x)').map((name) => Symbol.for(name)),
  fc.constantFrom('a', 'a/g', ')', '[/]', '"', '\ud800', ':').map((source) => new RegExp(source.replace(/[)]/, '\\)'))),
  fc.constantFrom('a', 'b').chain((source) => fc.constantFrom('', 'g', 'gi').map((flags) => new RegExp(source, flags))),
  fc
    .uint8Array({ maxLength: 3 })
    .chain((bytes) =>
      fc.constantFrom<unknown>(
        bytes,
        Buffer.from(bytes),
        new Int8Array(bytes),
        new Uint8ClampedArray(bytes),
        bytes.slice().buffer,
      ),
    ),
);

function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object = {};
  // Defined, not assigned: assigning `__proto__` would set the prototype instead of a field.
  for (const [name, value] of entries) {
    Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
  }
  return object;
}

/** One argument of any supported type, nested a few levels; small values, so that near collisions are frequent. */
export const argument: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => {
  const list = fc.array(tie('value'), { maxLength: 3 });
  const name = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor', '1', '', ':', '"'), text);
  return {
    value: fc.oneof(
      { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
      { weight: 6, arbitrary: leaf },
      { weight: 2, arbitrary: list },
      { weight: 2, arbitrary: fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map(objectOf) },
      fc.array(fc.tuple(leaf, tie('value')), { maxLength: 2 }).map((entries) => new Map(entries)),
      fc.array(leaf, { maxLength: 3 }).map((items) => new Set(items)),
      tie('value').map((cents) => new Money(cents)),
      tie('value').map((cents) => new BorrowedDate(cents)),
      tie('value').map((cents) => new Nameless(cents)),
    ),
  };
}).value;
