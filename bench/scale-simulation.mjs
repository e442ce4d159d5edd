// A seeded discrete simulation of many instances over one log: what their memories hold, what invalidations cost, and how
// late they arrive. Deterministic: the same figures on every machine. Costs per delivery are those of docs/scale.md.

/** Uniform in [0, 1), by a seed (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Cumulative shares of keys, the n-th most wanted 1/n as often as the first. */
export function zipf(keys) {
  const shares = new Float64Array(keys);
  let sum = 0;
  for (let k = 0; k < keys; k += 1) shares[k] = sum += 1 / (k + 1);
  return shares.map((share) => share / sum);
}

function draw(shares, random) {
  const wanted = random();
  let [low, high] = [0, shares.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shares[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Reads and invalidations as they come, at random.
 * @returns hit ratio of memory, entries held per instance, and deliveries per second if only holders of a key were told
 */
export function simulateMemories({ instances, keys, reads, invalidations, ttl, follow, affinity = 1 }, seconds, seed) {
  const random = seeded(seed);
  const shares = zipf(keys);
  const held = Array.from({ length: instances }, () => new Map());
  const holders = Array.from({ length: keys }, () => new Set());
  const [warm, end] = [ttl, ttl + seconds];
  const perGroup = instances / affinity;
  let [now, asked, hits, tracked] = [0, 0, 0, 0];
  while (now < end) {
    now += -Math.log(1 - random()) / (reads + invalidations);
    if (random() * (reads + invalidations) < reads) {
      const key = draw(shares, random);
      const instance = Math.floor((key % affinity) * perGroup + random() * perGroup);
      const until = held[instance].get(key);
      const hit = until !== undefined && until > now;
      if (now > warm) [asked, hits] = [asked + 1, hits + Number(hit)];
      if (!hit) {
        held[instance].set(key, now + ttl);
        holders[key].add(instance);
      }
    } else {
      const key = follow ? draw(shares, random) : Math.floor(random() * keys);
      for (const instance of holders[key]) {
        if (now > warm && held[instance].get(key) > now) tracked += 1;
        held[instance].delete(key);
      }
      holders[key].clear();
    }
  }
  const living = held.reduce((sum, each) => sum + [...each.values()].filter((until) => until > end).length, 0);
  return { hitRatio: hits / asked, held: living / instances, tracked: tracked / seconds };
}

/** The same by the formulas of docs/scale.md. */
export function modelMemories({ instances, keys, reads, invalidations, ttl, follow, affinity = 1 }) {
  const shares = zipf(keys);
  let [hitRatio, held, tracked] = [0, 0, 0];
  for (let k = 0; k < keys; k += 1) {
    const share = shares[k] - (k === 0 ? 0 : shares[k - 1]);
    const rate = (reads * share * affinity) / instances;
    const lost = invalidations * (follow ? share : 1 / keys);
    const residence = lost === 0 ? ttl : (1 - Math.exp(-lost * ttl)) / lost;
    const hit = (rate * residence) / (1 + rate * residence);
    hitRatio += share * hit;
    held += hit / affinity;
    tracked += (lost * hit * instances) / affinity;
  }
  return { hitRatio, held, tracked };
}

/**
 * Invalidations through one broker that tells every instance: each delivery takes its time, one after the other.
 * @param window gathers what comes within so many seconds into one message; 0: each has its own
 * @returns messages and deliveries per second, the share of a core, and how late deliveries are, ms (Infinity: the backlog grows)
 */
export function simulateBroadcast({ instances, invalidations, costUs, window, bytes = 0 }, seconds, seed) {
  const random = seeded(seed);
  const lateness = [];
  let [now, free, messages, busy] = [0, 0, 0, 0];
  while (now < seconds) {
    const gathered = window === 0 ? 1 : Math.max(1, invalidations * window);
    const arrival = now + (window === 0 ? -Math.log(1 - random()) / invalidations : window);
    const work = (instances * (costUs + (bytes * gathered * 1.06) / 1000)) / 1e6;
    const begin = Math.max(arrival, free);
    free = begin + work;
    [messages, busy, now] = [messages + 1, busy + work, arrival];
    const waitedForWindow = window === 0 ? 0 : random() * window;
    lateness.push((begin + random() * work - arrival + waitedForWindow) * 1000);
  }
  lateness.sort((a, b) => a - b);
  const cores = busy / seconds;
  const at = (share) => (cores > 1 ? Infinity : lateness[Math.floor(lateness.length * share)]);
  return {
    messages: messages / seconds,
    deliveries: (messages * instances) / seconds,
    cores,
    p50: at(0.5),
    p99: at(0.99),
  };
}
