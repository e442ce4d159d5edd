import fc from 'fast-check';
import {
  encodeRecord,
  isRecord,
  leftOf,
  measureOf,
  PAYLOAD_AT,
  payloadEnd,
  seedOf,
} from '../../../libs/cache/src/adapters/redis/redis-record.js';
import { nonceOf, ordOf, positionOf } from '../../../libs/cache/src/core/coherence/position.js';

const ERA = '00000003a1b2c3d4e5f60718';
const OTHER_OF_THE_EPOCH = '00000003ffffffffffffffff';
const [BEFORE, AT, AFTER] = ['00000000000500000000', '00000000000500000001', '00000000000600000000'];
const SEED = seedOf('larder:{ns}:x:group:');
const KEY = Uint8Array.of(1, 2, 3, 4, 5);
const NOW = 1_700_000_000_000;

const record = (payload = Uint8Array.of(9, 8, 7), id = AT, deadline = NOW + 1_000): Buffer =>
  encodeRecord(SEED, KEY, positionOf(ERA, id), { order: 7, deadline, payload });
const since = (id: string, era = ERA) => measureOf(ordOf(era, id), nonceOf(era), NOW);

describe('a record in Redis', () => {
  it('is one under its own key, with its payload', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (payload) => {
        const raw = record(payload);
        expect(isRecord(SEED, KEY, raw)).toBe(true);
        expect([...raw.subarray(PAYLOAD_AT, payloadEnd(raw))]).toEqual([...payload]);
      }),
    );
  });

  it('is none under another key, in another group, with a byte changed, or cut', () => {
    const raw = record();
    expect(isRecord(SEED, Uint8Array.of(1, 2, 3, 4, 6), raw)).toBe(false);
    expect(isRecord(seedOf('larder:{ns}:x:another:'), KEY, raw)).toBe(false);
    for (let at = 0; at < raw.length; at += 1) {
      const changed = Buffer.from(raw);
      changed[at]! ^= 0x40;
      expect(isRecord(SEED, KEY, changed)).toBe(false);
      expect(isRecord(SEED, KEY, raw.subarray(0, at))).toBe(false);
    }
  });

  it('is valid from its stamp on, until its end, in its own history', () => {
    expect(leftOf(record(), since(BEFORE))).toBe(1_000);
    expect(leftOf(record(), since(AT))).toBe(1_000);
    expect(leftOf(record(), since(AFTER))).toBe(0);
    expect(leftOf(record(undefined, AT, NOW), since(BEFORE))).toBeLessThanOrEqual(0);
    // Another history of the same epoch says nothing about it, and neither does what is no ord.
    expect(leftOf(record(), since(BEFORE, OTHER_OF_THE_EPOCH))).toBe(0);
    expect(leftOf(record(), measureOf('0', nonceOf(ERA), NOW))).toBe(0);
  });
});
