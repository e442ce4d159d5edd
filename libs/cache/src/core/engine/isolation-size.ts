/**
 * How much heap a value takes, as L1 accounts for it. The model follows V8 on 64 bits: a slot is 8 bytes; an object has
 * a header of 32 and a slot per property, an array of 48 and a slot per element; a string has a header of 16 and one byte
 * per character, two if any of them is beyond Latin-1; a number that is no 32-bit integer takes 16 more. Text that
 * several values share counts each time, so the account errs to the large side; `isolation-size.spec.ts` holds it against
 * the heap. What bounds L1 is the account, and that bound is exact.
 */
export const SLOT_BYTES = 8;
export const OBJECT_BYTES = 32;
export const ARRAY_BYTES = 48;
/** A `Date`, `RegExp`, `Error`, `URL`, boxed primitive. */
export const BUILTIN_BYTES = 112;
const STRING_BYTES = 16;
const NUMBER_BYTES = 16;
const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/** A string, its characters included. */
export function stringBytes(text: string): number {
  const characters = BEYOND_LATIN1.test(text) ? 2 * text.length : text.length;
  return STRING_BYTES + ((characters + 7) & ~7);
}

/** What a value that is no object takes beside its slot. */
export function primitiveBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return stringBytes(value);
    case 'number':
      return (value | 0) === value ? 0 : NUMBER_BYTES;
    case 'bigint':
      return bigintBytes(value);
    default:
      return 0;
  }
}

/** The table of a `Map` (two slots per entry) or a `Set` (one), half of it unused. */
export function tableBytes(entries: number, slots: 1 | 2): number {
  return BUILTIN_BYTES + entries * (slots + 1) * SLOT_BYTES * 1.5;
}

/** An `ArrayBuffer`, or a view with the buffer it owns. */
export function bufferBytes(length: number): number {
  return 2 * BUILTIN_BYTES + length;
}

function bigintBytes(value: bigint): number {
  return BigInt.asIntN(64, value) === value ? 24 : 24 + (value.toString(16).length >> 1);
}
