// Scenario I: the codec of the shared tiers against JSON, which loses types, and v8.serialize, which keeps them.
import v8 from 'node:v8';
import { decodeEnvelope, encodeEnvelope } from '../../libs/cache/dist/core/codec/envelope.js';
import { compare } from '../measure.mjs';

const TIMES = { freshMs: 60_000, graceMs: 0, createdAt: 1.7e12 };
const VALUES = {
  'small, with a Date': {
    calls: 20_000,
    value: { id: 42, name: 'Ada Lovelace', email: 'ada@example.org', active: true, createdAt: new Date(1.7e12) },
  },
  'rich, 60 rows with Dates, a Map and a Set': {
    calls: 300,
    value: {
      rows: Array.from({ length: 60 }, (_, i) => ({
        id: i,
        name: `Item number ${i}`,
        price: i * 1.1,
        at: new Date(1.7e12 + i),
        tags: ['a', 'b'],
        owner: { id: i, name: `Owner ${i}` },
      })),
      counts: new Map([['a', 1]]),
      ids: new Set([1, 2, 3]),
    },
  },
  'text of 10 KB': { calls: 3000, value: { html: '<p>Grüße aus der Küche</p>'.repeat(400) } },
  'a dictionary of 1,000 keys': {
    calls: 100,
    value: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`product-${i}`, i])),
  },
};

const CODECS = {
  JSON: { encode: (value) => Buffer.from(JSON.stringify(value)), decode: (bytes) => JSON.parse(bytes.toString()) },
  'v8.serialize': { encode: (value) => v8.serialize(value), decode: (bytes) => v8.deserialize(bytes) },
  'nestjs-larder envelope': {
    encode: (value) => encodeEnvelope({ value, ...TIMES }),
    decode: (bytes) => decodeEnvelope(bytes).value,
  },
};

export async function run() {
  const cases = {};
  for (const [name, { calls, value }] of Object.entries(VALUES)) {
    const bytes = Object.fromEntries(
      Object.entries(CODECS).map(([codec, { encode }]) => [codec, encode(value).length]),
    );
    cases[name] = { bytes };
    console.log(
      `  ${name}, bytes: ${Object.entries(bytes)
        .map((pair) => pair.join(' '))
        .join(', ')}`,
    );
    for (const direction of ['encode', 'decode', 'both']) {
      console.log(`  ${name}, ${direction}`);
      const contenders = Object.entries(CODECS).map(([codec, { encode, decode }]) => {
        const encoded = encode(value);
        const work = { encode: () => encode(value), decode: () => decode(encoded), both: () => decode(encode(value)) };
        return { name: codec, run: () => cost(calls, work[direction]) };
      });
      cases[name][direction] = await compare(contenders, { baseline: 'JSON', rounds: 7 });
    }
  }
  return { cases };
}

let sink;

function cost(calls, work) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i += 1) sink = work();
  const took = Number(process.hrtime.bigint() - start);
  if (sink === 'unreachable') throw new Error('keeps the work from being optimised away');
  return took / calls;
}
