// Scenario G: how much of a skewed load a cache with room for 1 % of the ids answers, with and without scans of keys
// that nobody asks for again. Deterministic: the same figures on every machine.
import { L1Entry } from '../../libs/cache/dist/core/engine/l1-entry.js';
import { L1Store } from '../../libs/cache/dist/core/engine/l1-store.js';
import { Lru, S3Fifo } from '../eviction-policies.mjs';

const IDS = 100_000;
const ROOM = IDS / 100;
const REQUESTS = 1_000_000;
const SCAN_EVERY = 10 * ROOM;
const SCAN_LENGTH = 4 * ROOM;
const SKEW = 0.9;

/** L1 itself, its bound of entries being the one that counts. */
class Larder {
  constructor(size) {
    this.store = new L1Store({ maxEntries: size, maxBytes: 2 ** 40 });
  }

  hit(id) {
    const key = String(id);
    const entry = this.store.get(key);
    if (entry !== undefined) {
      entry.visited = true;
      return true;
    }
    const fields = { value: id, shared: true, bytes: 0, freshUntil: 1, keepUntil: 1, createdAt: 0, tags: [] };
    this.store.set(new L1Entry({ key, ...fields }));
    return false;
  }
}

const CONTENDERS = { LRU: Lru, 'S3-FIFO': S3Fifo, 'nestjs-larder (SIEVE)': Larder };

export function run() {
  const cases = {};
  for (const [name, scans] of [
    ['zipf 0.9', false],
    ['zipf 0.9 with scans', true],
  ]) {
    console.log(`  ${name}, ${IDS} ids, room for ${ROOM}`);
    cases[name] = {};
    for (const [contender, Policy] of Object.entries(CONTENDERS)) {
      const ratio = hitRatio(new Policy(ROOM), scans);
      cases[name][contender] = ratio;
      console.log(`    ${contender.padEnd(22)} ${ratio.toFixed(1)} %`);
    }
  }
  return { cases };
}

function hitRatio(cache, scans) {
  const nextId = zipf(IDS, SKEW, seeded(1));
  const warmUp = REQUESTS / 5;
  let [requests, hits, scanned] = [0, 0, 0];
  const ask = (id) => {
    const hit = cache.hit(id);
    requests += 1;
    if (hit && requests > warmUp) hits += 1;
  };
  for (let i = 1; requests < REQUESTS; i += 1) {
    ask(nextId());
    if (scans && i % SCAN_EVERY === 0) for (let n = 0; n < SCAN_LENGTH; n += 1) ask(IDS + scanned++);
  }
  return (100 * hits) / (requests - warmUp);
}

/** Ids from 0, the n-th asked for in proportion to 1 / n^skew. */
function zipf(ids, skew, random) {
  const sums = new Float64Array(ids);
  let sum = 0;
  for (let i = 0; i < ids; i += 1) sums[i] = sum += 1 / (i + 1) ** skew;
  return () => {
    const target = random() * sum;
    let [low, high] = [0, ids - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Mulberry32. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
