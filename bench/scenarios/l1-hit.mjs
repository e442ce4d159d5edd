// Scenario A: a hit in memory, one primitive argument, 1,000 keys in turn.
import { CONTENDERS } from '../contenders/index.mjs';
import { compare, costOfAwaited } from '../measure.mjs';

const KEYS = 1000;
const CALLS = { fast: 200_000, slow: 20_000 };

export async function run() {
  const load = async (id) => ({ id, name: `item ${id}`, tags: ['a', 'b'], price: id * 100 });
  const running = [];
  for (const contender of CONTENDERS) {
    const { name } = contender;
    const cache = await contender.create(load);
    for (let id = 1; id <= KEYS; id += 1) await cache.call(id);
    const probe = await costOfAwaited(2000, (i) => cache.call(1 + (i % KEYS)));
    const calls = probe < 1000 ? CALLS.fast : CALLS.slow;
    running.push({ name, cache, run: () => costOfAwaited(calls, (i) => cache.call(1 + (i % KEYS))) });
  }
  const result = await compare(running, { baseline: 'async function + Map.get' });
  for (const { cache } of running) await Promise.resolve(cache.close());
  return result;
}
