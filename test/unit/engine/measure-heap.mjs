// @ts-check
/**
 * `node --expose-gc measure-heap.mjs`: prints, for each family of values, the bytes that L1 accounts for as a share of the
 * heap that the entries really take, and how much the heap has grown after many short-lived rounds. A process of its own,
 * because a heap that others use too cannot be measured.
 */
import { inside } from '../../chaos/library.mjs';
import { FAMILIES } from './value-families.mjs';

const { snapshot } = await inside('core/engine/isolation.js');
const { L1Entry } = await inside('core/engine/l1-entry.js');
const { L1Store } = await inside('core/engine/l1-store.js');
const BOUNDS = { maxEntries: 1_000_000, maxBytes: 2 ** 34 };
const ENTRIES = 3000;

/** @type {Record<string, number>} */
const ratios = {};
for (const [name, make] of Object.entries(FAMILIES)) ratios[name] = ratioOf(make);
console.log(JSON.stringify({ ratios, leftover: leftoverOfRounds() }));

/** @param {(i: number) => unknown} make */
function ratioOf(make) {
  const store = new L1Store(BOUNDS);
  /** @param {number} from */
  const fill = (from) => {
    for (let i = from; i < from + ENTRIES; i += 1) {
      const times = { freshUntil: i + 0.5, keepUntil: i + 0.5, madeAt: 1.7e12 + i };
      const tags = ['%scope:s', `item:${i}`];
      const entry = new L1Entry({ key: `scope:action:${i}`, ...snapshot(make(i), 'freeze'), ...times, tags });
      entry.promise = Promise.resolve(entry.value);
      store.set(entry);
    }
  };
  fill(0); // tables of the store are large by now, and code is compiled
  const [memory, account] = [usedMemory(), store.bytes];
  fill(ENTRIES);
  return (store.bytes - account) / (usedMemory() - memory);
}

function leftoverOfRounds() {
  const store = new L1Store(BOUNDS);
  /** @param {number} number */
  const round = (number) => {
    for (let i = 0; i < 40_000; i += 1) {
      const times = { freshUntil: number, keepUntil: number, madeAt: 0 };
      const tags = ['%scope:s', `item:${number}:${i}`];
      store.set(new L1Entry({ key: `k:${number}:${i}`, ...snapshot({ id: i }, 'freeze'), ...times, tags }));
    }
    while (store.sweep(2000, number).removed > 0);
  };
  round(1);
  const before = usedMemory();
  for (let number = 2; number <= 5; number += 1) round(number);
  return { bytes: usedMemory() - before, entries: store.size, accounted: store.bytes, tags: store.tagCount };
}

function usedMemory() {
  for (let time = 0; time < 2; time += 1) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
