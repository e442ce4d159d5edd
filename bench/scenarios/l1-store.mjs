// Scenario H: the memory tier below the engine: hit, set, invalidation of a tag, sweep; and what isolation costs.
import { cloneForCaller, snapshot } from '../../libs/cache/dist/core/engine/isolation.js';
import { L1Entry } from '../../libs/cache/dist/core/engine/l1-entry.js';
import { L1Store } from '../../libs/cache/dist/core/engine/l1-store.js';
import { compare, median } from '../measure.mjs';

const USER = {
  id: 42,
  name: 'Ada Lovelace',
  active: true,
  roles: ['admin', 'user'],
  address: { street: 'Main 1', city: 'London' },
};
const VALUES = {
  'a record of 5 fields': { a: 1, b: 'x', c: true, d: null, e: 2.5 },
  'a nested user': USER,
  'a nested user with a Date': { ...USER, createdAt: new Date() },
  '100 nested users': Array.from({ length: 100 }, (_, i) => ({ ...USER, id: i })),
};

export async function run() {
  return {
    hit: await hits(),
    set: await sets(),
    isolation: await isolation(),
    tags: tagInvalidations(),
    sweep: sweep(),
  };
}

async function hits() {
  console.log('  hit: Map.get and the checks of the store, 1,000 hot keys of 100,000');
  const keys = Array.from({ length: 100_000 }, (_, i) => `user:get_user:${i}`);
  const store = roomyStore();
  for (const key of keys) store.set(entry(key, ['%scope:user']));
  const map = new Map(keys.map((key) => [key, { value: key }]));
  const calls = 1_000_000;
  const now = 5.5;
  return compare(
    [
      { name: 'Map.get', run: () => cost(calls, (i) => map.get(keys[i % 1000]).value) },
      {
        name: 'nestjs-larder store',
        run: () =>
          cost(calls, (i) => {
            const found = store.get(keys[i % 1000]);
            if (found === undefined || found.freshUntil <= now || store.isStale(found)) return undefined;
            found.visited = true;
            return found.value;
          }),
      },
    ],
    { baseline: 'Map.get' },
  );
}

async function sets() {
  console.log('  set of a new key into a full store of 50,000');
  const tagged = {
    'no tags': () => [],
    'the tag of the scope': () => ['%s'],
    'and one of its own': (i) => ['%s', `user:${i}`],
  };
  const contenders = Object.entries(tagged).map(([name, tags]) => {
    const store = new L1Store({ maxEntries: 50_000, maxBytes: 2 ** 40 });
    let i = 0;
    const set = () => store.set(entry(`user:get_user:${(i += 1)}`, tags(i)));
    while (i < 50_000) set();
    return { name, run: () => cost(100_000, set) };
  });
  return compare(contenders, { baseline: 'no tags' });
}

async function isolation() {
  const cases = {};
  for (const [name, value] of Object.entries(VALUES)) {
    console.log(`  ${name}`);
    const calls = Array.isArray(value) ? 500 : 50_000;
    const stored = snapshot(value, 'clone').value;
    const ways = {
      structuredClone: () => structuredClone(value),
      'JSON there and back': () => JSON.parse(JSON.stringify(value)),
      'snapshot, once per load': () => snapshot(value, 'freeze'),
      'clone per hit': () => cloneForCaller(stored),
    };
    const contenders = Object.entries(ways).map(([way, copy]) => ({ name: way, run: () => cost(calls, copy) }));
    cases[name] = await compare(contenders, { baseline: 'structuredClone', rounds: 7 });
  }
  return cases;
}

/** Goal: 10,000 entries within 1.5 times of 10. */
function tagInvalidations() {
  console.log('  invalidation of a tag, by its entries among 100,000 (median, ns)');
  const costs = {};
  const store = roomyStore();
  for (let i = 0; i < 90_000; i += 1) store.set(entry(`other${i}`, ['%s']));
  for (const entries of [1, 10, 100, 1000, 10_000]) {
    const rounds = Array.from({ length: 60 }, () => {
      for (let i = 0; i < entries; i += 1) store.set(entry(`k${i}`, ['%s', 't']));
      const start = process.hrtime.bigint();
      store.deleteTag('t', 'invalidated');
      const took = Number(process.hrtime.bigint() - start);
      while (!store.sweep(10_000, 0).done);
      return took;
    });
    costs[entries] = median(rounds.slice(20));
    console.log(`    ${String(entries).padStart(6)} ${String(costs[entries]).padStart(8)}`);
  }
  return costs;
}

function sweep() {
  const store = roomyStore();
  const count = 1_000_000;
  for (let i = 0; i < count; i += 1) store.set(entry(`k${i}`, ['%s']));
  const slices = [];
  for (let done = false; !done;) {
    const start = performance.now();
    done = store.sweep(2000, Infinity).done;
    slices.push(performance.now() - start);
  }
  const result = { total: slices.reduce((a, b) => a + b), median: median(slices), longest: Math.max(...slices) };
  console.log(
    `  sweep of 1,000,000 expired entries in slices of 2,000, ms: ${JSON.stringify(result, (_, ms) => (typeof ms === 'number' ? Number(ms.toFixed(2)) : ms))}`,
  );
  if (store.size !== 0) throw new Error('the sweep left entries behind');
  return result;
}

function roomyStore() {
  return new L1Store({ maxEntries: 10_000_000, maxBytes: 2 ** 40 });
}

function entry(key, tags) {
  const times = { freshUntil: 1e9 + 0.5, keepUntil: 1e9 + 0.5, createdAt: 1.7e12 };
  return new L1Entry({ key, value: key, shared: true, bytes: 100, tags, ...times });
}

let sink;

function cost(calls, call) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i += 1) sink = call(i);
  const took = Number(process.hrtime.bigint() - start);
  if (sink === 'unreachable') throw new Error('keeps the work from being optimised away');
  return took / calls;
}
