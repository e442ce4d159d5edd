import fc from 'fast-check';
import { decodeEntry, draft, headOf } from '../../../libs/cache/src/adapters/redis/redis-entry.js';

const POSITION = '0'.repeat(44);

/** As SETF puts it together. */
function stored(now: number, { freshMs, keepMs, tail }: ReturnType<typeof draft>): Buffer {
  const times = Buffer.alloc(13);
  times.writeUInt8(1, 0);
  times.writeUIntBE(now + freshMs, 1, 6);
  times.writeUIntBE(now + keepMs, 7, 6);
  return Buffer.concat([Buffer.from(POSITION), times, tail]);
}

describe('an entry as Redis holds it', () => {
  const payload = fc.uint8Array({ maxLength: 200 });
  const tags = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 10 });
  const life = fc.nat({ max: 10_000_000 });

  it('gives back payload, tags and what is left of its life', () => {
    fc.assert(
      fc.property(payload, tags, life, life, life, (bytes, names, freshMs, graceMs, elapsed) => {
        const now = 1_800_000_000_000;
        const drafted = draft({ payload: bytes, tags: names, freshMs, keepMs: freshMs + graceMs }, Infinity);
        const entry = decodeEntry(stored(now, drafted), now + elapsed);
        expect(entry).not.toBeNull();
        expect(Buffer.from(entry!.payload).equals(Buffer.from(bytes))).toBe(true);
        expect(entry!.tags).toEqual(names);
        expect(entry!.freshMs).toBe(freshMs - elapsed);
        expect(entry!.keepMs).toBe(freshMs + graceMs - elapsed);
      }),
    );
  });

  it('is never kept longer than allowed, nor fresh longer than kept', () => {
    const long = draft({ payload: Buffer.alloc(0), tags: [], freshMs: 5000, keepMs: 9000 }, 1000);
    expect(long).toMatchObject({ freshMs: 1000, keepMs: 1000 });
  });

  it('is null, never an exception, for any other bytes (I17)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const raw = Buffer.from(bytes);
        if (raw.length > 44) raw[44] = 1;
        const entry = decodeEntry(raw, 0);
        expect(headOf(raw).length).toBeLessThanOrEqual(raw.length);
        if (entry === null) expect(headOf(raw)).toHaveLength(0);
      }),
      { numRuns: 5000 },
    );
  });

  it('is null when it is cut short anywhere before its payload', () => {
    const raw = stored(0, draft({ payload: Buffer.from('x'), tags: ['one', 'two'], freshMs: 1, keepMs: 1 }, 1));
    for (let length = 0; length < raw.length - 1; length += 1)
      expect(decodeEntry(raw.subarray(0, length), 0)).toBeNull();
    expect(decodeEntry(raw.subarray(0, raw.length - 1), 0)).not.toBeNull();
  });
});
