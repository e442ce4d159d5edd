// Scenario A, key part: the text key of an argument list, against JSON.stringify of the same arguments.
import { localKey } from '../../libs/cache/dist/core/keys/local-key.js';
import { compare, costOf } from '../measure.mjs';

const NESTED = { page: 2, size: 50, filter: { text: 'oat', category: 'pantry' }, sort: 'price' };
const KILOBYTE = Object.fromEntries(
  Array.from({ length: 24 }, (_, i) => [`field_${i}`, `value number ${i} of some length`]),
);

const CASES = [
  { name: 'one number', calls: 2_000_000, args: (i) => [i] },
  { name: 'nested object of 5 fields', calls: 300_000, args: (i) => [{ ...NESTED, page: i }] },
  { name: 'object of 1 KB', calls: 100_000, args: (i) => [{ ...KILOBYTE, field_0: `value ${i}` }] },
];

export async function run() {
  const cases = {};
  for (const { name, calls, args } of CASES) {
    console.log(`  ${name}`);
    // Arguments are made beforehand, so that only the key is timed.
    const lists = Array.from({ length: 1000 }, (_, i) => args(i));
    const contenders = [
      { name: 'JSON.stringify', run: () => costOf(calls, (i) => JSON.stringify(lists[i % 1000])) },
      { name: 'nestjs-larder key', run: () => costOf(calls, (i) => localKey('search', lists[i % 1000])) },
    ];
    cases[name] = await compare(contenders, { baseline: 'JSON.stringify', rounds: 7 });
  }
  return { cases };
}
