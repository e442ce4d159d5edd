// Scenario A under a lease: the same hit, with Redis behind it, which takes a real clock per read.
import { startRedis } from '../../launcher/services.mjs';
import { asyncMap } from '../contenders/async-map.mjs';
import { larder } from '../contenders/larder.mjs';
import { larderOverRedis } from '../contenders/larder-redis.mjs';
import { compare, costOfAwaited } from '../measure.mjs';

const KEYS = 1000;
const CALLS = 200_000;

export async function run() {
  const server = await startRedis({ fromEnvironment: false });
  const load = async (id) => ({ id, name: `item ${id}` });
  const caches = [
    { name: asyncMap.name, cache: await asyncMap.create(load) },
    { name: larder.name, cache: await larder.create(load) },
    { name: 'nestjs-larder @Cached, leased', cache: await larderOverRedis({ url: server.url, load }) },
  ];
  for (const { cache } of caches) for (let id = 1; id <= KEYS; id += 1) await cache.call(id);
  const contenders = caches.map(({ name, cache }) => ({
    name,
    run: async () => {
      // A turn of the event loop, so that heartbeats are answered: the loop below never yields to one.
      await new Promise((resolve) => setTimeout(resolve, 5));
      return costOfAwaited(CALLS, (i) => cache.call(1 + (i % KEYS)));
    },
  }));
  const result = await compare(contenders, { baseline: asyncMap.name });
  for (const { cache } of caches) await Promise.resolve(cache.close());
  await server.stop();
  return result;
}
